// While long work goes on: look again every few seconds, change the progress in place, and show the result when there.
const again = async () => {
  const here = document.getElementById("waiting");
  if (!here) return;
  try {
    const text = await (await fetch(location.href, { headers: { Accept: "text/html" } })).text();
    const there = new DOMParser().parseFromString(text, "text/html").getElementById("waiting");
    if (!there) return location.reload();
    const [now, next] = [here.querySelector("progress"), there.querySelector("progress")];
    if (next.hasAttribute("value")) now.value = next.value;
    now.closest("p").querySelector("span")?.replaceWith(next.closest("p").querySelector("span") ?? "");
  } catch { /* the next look may succeed */ }
  setTimeout(again, 1000 * Number(here.dataset.again));
};
setTimeout(again, 1000 * Number(document.getElementById("waiting")?.dataset.again ?? 3));
