// Checks an experiment while it is written. Without this file the buttons of the page do the same.
const form = document.getElementById("editor");
const PAUSE = 700; // ms without a keystroke
const seen = new Set(); // fields that somebody has been in: only their errors are told before they ask
let asks = form.dataset.all === "1"; // whether all errors are told
let timer, typed = 0, errors = {};

const part = (id) => document.getElementById(id);

const schedule = () => {
  typed += 1;
  clearTimeout(timer);
  timer = setTimeout(() => check(), PAUSE);
};

const check = async (act = "") => {
  clearTimeout(timer);
  const at = typed;
  part("form").inert = Boolean(act) && act !== "look"; // nothing is typed into a form that is about to be replaced
  const body = new URLSearchParams(new FormData(form));
  body.set("do", act);
  let told;
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.status);
    told = await answer.json();
  } catch {
    part("form").inert = false;
    if (act) return false; // let the button do it by itself
    part("status").textContent = form.dataset.away;
    return true;
  }
  part("form").inert = false;
  if (at !== typed && (!act || act === "look")) return true; // somebody went on typing: the next look will know more
  show(told);
  return true;
};

const show = (told) => {
  if (told.form !== null) refill(told.form);
  if (!told.torn && part("text").value !== told.text && document.activeElement !== part("text")) part("text").value = told.text;
  form.elements.form_was.value = told.form_was;
  form.elements.text_was.value = told.text_was;
  part("planner").innerHTML = told.planner;
  part("status").innerHTML = told.status;
  for (const [id, html] of Object.entries(told.previews)) if (part(id)) part(id).innerHTML = html;
  part("summary").innerHTML = asks || told.torn ? told.summary : "";
  errors = told.errors;
  mark();
};

const refill = (html) => {
  const here = document.activeElement?.id;
  const open = new Set([...form.querySelectorAll("#form details[open]")].map((one) => one.querySelector("summary").textContent));
  part("form").innerHTML = html;
  for (const one of form.querySelectorAll("#form details")) if (open.has(one.querySelector("summary").textContent)) one.open = true;
  if (here) part(here)?.focus({ preventScroll: true });
};

// Puts each error beside its field, ties it to the field, and takes away what is mended.
const mark = () => {
  for (const field of form.querySelectorAll("[name]:not([type=hidden]):not(button)")) {
    const told = asks || seen.has(field.name) ? errors[field.name] : undefined;
    const box = field.closest(".field, .one");
    if (!box || field.id !== field.name || box.matches(".rows")) continue;
    write(box, field, told);
  }
  for (const slot of form.querySelectorAll(".slot")) {
    const name = slot.id.replace(/-slot$/, "");
    const told = asks || [...seen].some((one) => one.startsWith(name)) ? errors[name] : undefined;
    slot.replaceChildren(...(told ? [said(name, told)] : []));
  }
};

const said = (name, told) => {
  const error = document.createElement("p");
  error.className = "error";
  error.id = `${name}-error`;
  error.textContent = told;
  return error;
};

const write = (box, field, told) => {
  box.querySelector(`:scope > [id="${field.name}-error"]`)?.remove();
  box.classList.toggle("has-error", Boolean(told));
  const about = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== `${field.name}-error`);
  if (told) {
    (box.querySelector(":scope > :is(input, textarea, select)") ?? box.firstElementChild.nextElementSibling ?? field).before(said(field.name, told));
    about.push(`${field.name}-error`);
    field.setAttribute("aria-invalid", "true");
  } else field.removeAttribute("aria-invalid");
  about.length ? field.setAttribute("aria-describedby", about.join(" ")) : field.removeAttribute("aria-describedby");
};

// One more empty row as soon as the last one is written in.
const grow = (field) => {
  const rows = field.closest("[data-rows]");
  const all = rows ? [...rows.querySelectorAll("textarea, select")] : [];
  if (!rows || field !== all.at(-1) || !field.value.trim()) return;
  const last = field.closest(".one") ?? field;
  const next = last.cloneNode(true);
  const own = next.matches("textarea, select") ? next : next.querySelector("textarea, select");
  own.id = own.name = `${rows.dataset.rows}-${Number(field.name.split("-").at(-1)) + 1}`;
  own.setAttribute("aria-label", own.getAttribute("aria-label").replace(/\d+$/, (n) => Number(n) + 1));
  own.value = "";
  next.querySelector?.(".error")?.remove();
  own.removeAttribute("aria-invalid");
  own.removeAttribute("aria-describedby");
  last.after(next);
};

form.addEventListener("input", (event) => {
  grow(event.target);
  if (event.target.id === "text") seen.add("text"); // a long text is rarely left: say at once if it cannot be read
  schedule();
});
// Names stand in headings, too.
form.addEventListener("change", (event) => {
  if (/^control$|-tag$|-key$|^factors-|-review$|-outcome$/.test(event.target.name)) check("look");
});
form.addEventListener("focusout", (event) => {
  if (!event.target.name || asks) return;
  seen.add(event.target.name);
  mark();
});

// Rows come and go, sizes are taken, sides are chosen without leaving the page; what is saved is sent as it is.
form.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!button || ["save", "over"].includes(button.value)) return;
  event.preventDefault();
  if (button.value === "check") asks = true;
  if (!(await check(button.value))) {
    const act = document.createElement("input");
    Object.assign(act, { type: "hidden", name: "do", value: button.value });
    form.append(act);
    form.submit();
    return;
  }
  const wrong = part("errors");
  if (button.value === "check") (wrong ?? part("status")).scrollIntoView({ block: "center" });
  if (button.value === "check") wrong?.focus();
  const kind = button.value.match(/^add-(\w+)/)?.[1];
  const families = { variant: "[id^=variants-][id$=-key]", locale: "[id^=locales-][id$=-tag]", factor: "[id^=factors-]",
    secondary: "[id^=outcomes-secondary-][id$=-outcome]", guardrail: "[id^=outcomes-guardrails-][id$=-outcome]" };
  if (kind) [...form.querySelectorAll(`#form :is(${families[kind]})`)].at(-1)?.focus();
});
