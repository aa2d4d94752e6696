// Signpost's widget: shows a warning, counts that it was seen. No cookie, no storage. Use: docs/widget.md
{
  const WORDS = { en: ["Leave this page now", "Close"], es: ["Salir de esta página ahora", "Cerrar"],
    ar: ["غادر هذه الصفحة الآن", "إغلاق"] };
  const script = document.currentScript; // null in a module: then data-endpoint says where
  const reports = []; // of what was seen
  let session; // two places on a page show the same

  // The page is not ours to break, whatever its scripts did to the prototypes.
  const safely = (act) => (...given) => { try { return act(...given); } catch { /* the page's own text stands */ } };
  // append() makes text of strings: markup in a message is shown, never obeyed.
  const make = (tag, attributes, ...children) => {
    if (!children.every((one) => typeof one === "string" || one instanceof Node)) throw Error("garbage");
    const node = document.createElement(tag);
    for (const name of Object.keys(attributes)) node.setAttribute(name, attributes[name]);
    node.append(...children);
    return node;
  };

  // An adopted sheet needs no style-src. Colours follow the page's color-scheme. The animation gives the page's own
  // text back even if this script should die.
  const style = (wait) => `
.box { all: initial; color-scheme: inherit; visibility: inherit; background: Canvas; color: CanvasText;
  font: 1rem/1.5 sans-serif; font-family: inherit; position: relative; box-sizing: border-box; padding: 1.25rem }
.box, slot { display: block; min-height: 24rem }
:host([data-signpost=waiting]) slot { animation: wait ${wait}ms step-end }
@keyframes wait { from { visibility: hidden } }
.box, li a, button { border: 2px solid; border-radius: 10px; overflow-wrap: anywhere }
dialog { border: 0; padding: 0; background: none; width: 44rem }
dialog::backdrop { background: rgb(0 0 0 / .85) }
.eye { position: absolute; inset: 0 0 auto; height: min(24rem, 60vh); pointer-events: none }
h2 { font-size: 1.4em; line-height: 1.25; margin: .5em 0 }
h3 { font-size: 1.1em; margin: 1em 0 0 }
ul { list-style: none; margin: 1em 0; padding: 0; display: grid; gap: .6em }
ul:empty { display: none }
a, button { color: inherit; font: inherit }
li a, button { display: block; padding: .6em 1em; background: none; text-decoration: none }
h3 + ul :first-child > a { background: CanvasText; color: Canvas; border-color: CanvasText }
a:focus-visible, button:focus-visible { outline: 3px solid CanvasText; outline-offset: 3px }
.exit { display: table; margin-inline-start: auto; padding: .5em 0 }
.young { border-inline-start: 4px solid; padding-inline-start: .75em }`;

  const way = ({ label, href, hours, opens }) => {
    if (!/^(https?|tel|mailto):/.test(href)) throw Error("garbage");
    const link = make("a", { href, target: "_top", rel: "noreferrer" }, label);
    if (hours) link.append(make("div", {}, make("bdi", { dir: "ltr" }, hours)));
    if (opens) link.append(make("div", {}, opens));
    return make("li", {}, link);
  };
  // They lead over /v1/go/, which counts the click: no beacon for them.
  const ways = (help, young) => make("ul", {}, ...help.filter((one) => one.young_people === young).map(way));

  // The eye has one place and height, so that no wording is counted more easily.
  const watch = (eye, then) => {
    let again;
    const look = safely(() => {
      const shown = eye.checkVisibility?.({ checkOpacity: true, checkVisibilityCSS: true }) ?? true;
      if (!shown || document.visibilityState !== "visible") again = setTimeout(look, 250);
      else observer.disconnect(), then();
    });
    const observer = new IntersectionObserver(safely((entries) => {
      clearTimeout(again);
      if (entries.pop().intersectionRatio > 0.49) look();
    }), { threshold: 0.5 });
    observer.observe(eye);
  };

  const ask = async (url, body, wait) => {
    const end = performance.now() + wait, stop = new AbortController();
    setTimeout(() => stop.abort(), wait);
    const answer = await (await fetch(url, { method: "POST", body: JSON.stringify(body), credentials: "omit",
      referrerPolicy: "no-referrer", signal: stop.signal })).json();
    if (performance.now() > end) throw Error("late"); // in a busy page the bell rings late
    return answer;
  };

  const show = (own, root, { token, message, help }, endpoint) => {
    const { title, body, action, young_people: young, locale, dir } = message;
    const lang = WORDS[locale.slice(0, 2)] ? locale.slice(0, 2) : "en", [leave, shut] = WORDS[lang], told = {};
    const tell = (path, body) => navigator.sendBeacon(endpoint + path, JSON.stringify({ token, ...body }));
    const report = safely((outcome) => { // each counts once, and only of a warning that was seen
      if (!outcome || told[outcome] || own.signpost !== "seen") return;
      tell("/v1/outcomes", { outcome: told[outcome] = outcome });
    });
    const href = own.exit || "about:blank", exit = make("a", { class: "exit", href, lang }, own.exitLabel || leave);
    exit.onclick = safely(() => {
      report("left");
      document.documentElement.style.display = "none"; // at once
      location.replace(href); // so that "back" does not return
      return false;
    });
    const eye = make("div", { class: "eye" });
    const box = make("article", { class: "box", tabindex: -1, lang: locale, dir }, eye, exit,
      make("h2", { id: "title" }, title),
      make("div", { id: "body" }, ...body.split(/\n\n+/).map((part) => make("p", {}, part))),
      make("h3", {}, action), ways(help, false), make("p", { class: "young" }, young), ways(help, true));
    if (box.querySelector("h2").textContent !== title) throw Error("prototypes");
    root.append(box);
    if (own.mode === "dialog") {
      const labels = { role: "alertdialog", "aria-labelledby": "title", "aria-describedby": "body" };
      const dialog = make("dialog", labels, box), close = make("button", { lang }, own.closeLabel || shut);
      close.onclick = () => dialog.close();
      dialog.onclose = () => { report(own.close); dialog.remove(); };
      box.append(close);
      root.append(dialog);
      dialog.showModal(); // keeps the focus, closes on Escape, gives the focus back
      box.focus();
    }
    root.querySelector("slot").remove();
    own.signpost = "shown";
    if (token) watch(eye, () => { own.signpost = "seen"; tell("/v1/exposures"); reports.push(report); });
  };

  const start = async (element) => {
    try {
      const own = element.dataset, { surface, key, locale, stratum } = own;
      if (own.signpost) return; // another copy of this script was here
      own.signpost = "waiting";
      // Whoever could read the page's own text for so long already is not to see it exchanged.
      const paint = document.readyState !== "complete" && performance.getEntriesByName("first-contentful-paint")[0];
      const wait = (own.wait || 300) - (paint ? performance.now() - paint.startTime : 0);
      if (wait < 0) throw Error("the script came late");
      const slot = make("slot", {}), sheet = new CSSStyleSheet(), root = element.attachShadow({ mode: "open" });
      root.append(slot);
      sheet.replaceSync(style(wait));
      root.adoptedStyleSheets = [sheet];
      session = session || crypto.getRandomValues(new Uint8Array(16)).join(".");
      const endpoint = own.endpoint || new URL(script.src).origin;
      show(own, root, await ask(`${endpoint}/v1/assignments?key=${key}`, { surface, stratum,
        locale: locale || element.closest("[lang]")?.lang, session: own.session || session }, wait), endpoint);
    } catch (error) {
      safely(() => {
        element.dataset.signpost = "fallback";
        console.info(`Signpost: the page's own text stands (${error})`);
      })();
    }
  };

  const all = safely(() => document.querySelectorAll("[data-signpost]").forEach(start));
  all();
  document.addEventListener("DOMContentLoaded", all); // what stands below a script in the head
  document.addEventListener("click", safely((event) => { // the page itself says what was done
    const done = event.target.closest("[data-signpost-outcome]");
    if (done) reports.forEach((report) => report(done.dataset.signpostOutcome));
  }), true);
}
