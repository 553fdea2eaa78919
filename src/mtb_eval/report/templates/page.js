(() => {
  "use strict";
  const root = document.documentElement;
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

  // Sorting: a button in each heading; up, down, and back to the order of the report.
  const sorted = (rows, k, sign) => {
    const keyed = rows.map((row, at) => ({ row, at, key: row.cells[k].dataset.sort ?? null }));
    const known = keyed.filter((r) => r.key !== null);
    const numeric = known.every((r) => r.key !== "" && !Number.isNaN(Number(r.key)));
    const words = new Intl.Collator(root.lang);
    const compare = (a, b) => sign * (numeric ? a.key - b.key : words.compare(a.key, b.key)) || a.at - b.at;
    return [...known.sort(compare), ...keyed.filter((r) => r.key === null)].map((r) => r.row);
  };
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const written = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((cell, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const order = next[cell.getAttribute("aria-sort") || "none"];
        headings.forEach((c) => c.removeAttribute("aria-sort"));
        if (order !== "none") cell.setAttribute("aria-sort", order);
        body.append(...(order === "none" ? written : sorted(written, k, order === "ascending" ? 1 : -1)));
      });
    });
  };

  // Filtering: choices and words; the number of rows shown is said aloud.
  const makeFilters = (box) => {
    const rows = [...box.parentElement.querySelectorAll("tbody tr")].map((row) => ({ row, words: row.textContent.toLowerCase() }));
    const shown = box.querySelector("output");
    const clear = box.querySelector("[data-clear]");
    const search = box.querySelector("[data-search]");
    const choices = [...box.querySelectorAll("select")];
    const apply = () => {
      const chosen = choices.filter((s) => s.value);
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      rows.forEach(({ row, words: text }) => {
        const fits = chosen.every((s) => row.dataset[s.dataset.tag] === s.value) && words.every((w) => text.includes(w));
        row.hidden = !fits;
        n += fits;
      });
      shown.textContent = shown.dataset.shown.replace("{shown}", n).replace("{n}", rows.length);
      clear.hidden = !chosen.length && !words.length;
    };
    const reset = () => {
      choices.forEach((s) => { s.value = ""; });
      search.value = "";
      apply();
    };
    box.addEventListener("input", apply);
    clear.addEventListener("click", () => { reset(); search.focus(); });
    box.addEventListener("reveal", reset);
    box.hidden = false;
  };

  // Links into the page: open the folds around the target, show a row that a filter hides.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (target.hidden) target.closest(".table").querySelector(".filters").dispatchEvent(new Event("reveal"));
    target.scrollIntoView();
  };

  // Orientation: the section in view is marked in the contents and kept when the language changes.
  const sections = [...document.querySelectorAll("main > section")];
  const inView = () => sections.findLast((s) => s.getBoundingClientRect().top < innerHeight / 4) || sections[0];
  const follow = () => {
    const links = new Map([...document.querySelectorAll(".side a")].map((a) => [a.hash.slice(1), a]));
    const mark = () => {
      const now = links.get(inView().id);
      links.forEach((a) => (a === now ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current")));
    };
    const seen = new IntersectionObserver(mark, { rootMargin: "-24% 0px -75% 0px" });
    sections.forEach((s) => seen.observe(s));
    const up = document.querySelector(".up");
    new IntersectionObserver(([top]) => up.classList.toggle("far", !top.isIntersecting), { rootMargin: "50% 0px 0px 0px" }).observe(document.getElementById("top"));
  };
  const keepSection = (event) => {
    const section = inView();
    const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    event.currentTarget.hash = named && section.contains(named) ? location.hash : section === sections[0] ? "" : section.id;
  };

  // Tables that fit and are not long need no scrolling box: their headings then stay in view with the page.
  const boxes = [...document.querySelectorAll(".scroll, .drawing.wide")].map((box) => ({ box, name: box.getAttribute("aria-label") }));
  const fit = (some) => {
    const seen = some.filter(({ box }) => !box.closest("details:not([open])"));
    const fits = seen.map(({ box }) => !box.matches(".long") && box.firstElementChild.offsetWidth <= box.parentElement.clientWidth);
    seen.forEach(({ box, name }, k) => {
      box.classList.toggle("over", !fits[k]);
      const roles = { tabindex: "0", role: "region", "aria-label": name };
      Object.entries(roles).forEach(([key, said]) => (fits[k] ? box.removeAttribute(key) : box.setAttribute(key, said)));
    });
  };
  const fitAll = () => {
    // Measured without its own least height, else the banner could only grow.
    root.style.removeProperty("--bar");
    root.style.setProperty("--bar", `${document.querySelector(".banners").offsetHeight}px`);
    fit(boxes);
  };
  const fitBoxes = () => {
    let width = innerWidth;
    fitAll();
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; fitAll(); } });
    each("details", (d) => d.addEventListener("toggle", () => fit(boxes.filter((b) => d.contains(b.box)))));
  };

  // Tables inside the page: unpacked when asked for; without this the link leads to the file beside the page.
  const unpacked = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).blob();
  };
  const save = async (event) => {
    const { table } = event.currentTarget.dataset;
    event.preventDefault();
    const content = await unpacked(document.querySelector(`[data-csv="${table}"]`).textContent);
    const link = document.createElement("a");
    link.download = `${table}.csv`;
    link.href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  // A click on # also copies the link.
  const copy = async (event) => {
    const said = document.querySelector(".said");
    const link = event.currentTarget.href;
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(link).then(() => { said.textContent = said.dataset.copied; }, () => {});
    setTimeout(() => { said.textContent = ""; }, 2500);
  };

  each("table[data-sortable]", makeSortable);
  each(".filters", makeFilters);
  each("[data-language]", (a) => a.addEventListener("click", keepSection));
  each(".anchor", (a) => a.addEventListener("click", copy));
  if ("DecompressionStream" in window) each("a[data-table]", (a) => a.addEventListener("click", save));
  addEventListener("hashchange", reveal);
  const printed = [...document.querySelectorAll("main details:not(.many > details)")];
  addEventListener("beforeprint", () => printed.forEach((d) => { d.dataset.was = d.open; d.open = true; }));
  addEventListener("afterprint", () => printed.forEach((d) => { d.open = d.dataset.was === "true"; }));
  // The figures' typeface is at hand before a figure is seen or printed.
  document.fonts.forEach((face) => face.load());
  follow();
  reveal();
  fitBoxes();
  addEventListener("load", () => setTimeout(() => root.classList.add("drawn"), 500));
})();
