(() => {
  "use strict";
  const value = (row, k) => {
    const cell = row.cells[k];
    const key = cell.dataset.sort;
    if (key === undefined) return null;
    return key !== "" && !Number.isNaN(Number(key)) ? Number(key) : key;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), document.documentElement.lang);
  };
  const sortBy = (table, k, down) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, at) => ({ row, at, key: value(row, k) }));
    rows.sort((a, b) => (a.key === null || b.key === null ? compare(a.key, b.key) : compare(a.key, b.key) * (down ? -1 : 1)) || a.at - b.at);
    body.append(...rows.map((r) => r.row));
  };
  const makeSortable = (table) => {
    [...table.tHead.rows[0].cells].forEach((cell, k, all) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        all.forEach((c) => c.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        sortBy(table, k, down);
      });
    });
  };
  const makeFilters = (box) => {
    const rows = [...box.parentElement.querySelectorAll("tbody tr")];
    const shown = box.querySelector("output");
    const apply = () => {
      const chosen = [...box.querySelectorAll("select")].map((s) => [s.dataset.tag, s.value]).filter((c) => c[1]);
      const words = box.querySelector("[data-search]").value.trim().toLowerCase();
      let n = 0;
      rows.forEach((row) => {
        const fits = chosen.every(([tag, wanted]) => row.dataset[tag] === wanted) && row.textContent.toLowerCase().includes(words);
        row.hidden = !fits;
        n += fits;
      });
      shown.textContent = shown.dataset.shown.replace("{shown}", n).replace("{n}", rows.length);
    };
    box.addEventListener("input", apply);
    box.hidden = false;
  };
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (target.hidden) target.hidden = false;
    target.scrollIntoView();
  };
  const follow = () => {
    const links = new Map([...document.querySelectorAll(".side a")].map((a) => [a.hash.slice(1), a]));
    const seen = new IntersectionObserver((entries) => {
      entries.filter((e) => e.isIntersecting).forEach((e) => {
        links.forEach((a) => a.removeAttribute("aria-current"));
        links.get(e.target.id)?.setAttribute("aria-current", "true");
      });
    }, { rootMargin: "-15% 0px -75% 0px" });
    links.forEach((_, id) => seen.observe(document.getElementById(id)));
  };
  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
  document.querySelectorAll(".filters").forEach(makeFilters);
  document.querySelector("[data-language]").addEventListener("click", (event) => { event.currentTarget.hash = location.hash; });
  addEventListener("hashchange", reveal);
  const printed = [...document.querySelectorAll("main section > details:not(#outcomes)")];
  addEventListener("beforeprint", () => printed.forEach((d) => { d.dataset.was = d.open; d.open = true; }));
  addEventListener("afterprint", () => printed.forEach((d) => { d.open = d.dataset.was === "true"; }));
  follow();
  reveal();
})();
