// Turns a page of the site into a chapter on paper; returns its title and its sections.
async () => {
  const article = document.querySelector("article.bd-article");
  document.documentElement.dataset.theme = "light";

  // A control becomes the frames that its author chose, side by side.
  for (const box of article.querySelectorAll(".control")) {
    const content = box.querySelector("[type='application/json']").textContent;
    const { frames, says, shown } = JSON.parse(content);
    const first = box.querySelector(".control-frame");
    const wide = first.tagName === "PRE" || first.getAttribute("width") > 600;
    const columns = wide ? 1 : shown.length > 4 ? 4 : 2;
    const stills = document.createElement("div");
    stills.className = "stills";
    for (const at of shown) {
      const frame = first.cloneNode();
      if (frame.tagName === "PRE") frame.textContent = frames[at];
      else frame.src = frames[at];
      frame.style.visibility = "visible";
      frame.style.maxHeight = `${Math.floor(150 / Math.ceil(shown.length / columns))}mm`;
      const still = stills.appendChild(document.createElement("div"));
      still.append(frame, document.createElement("p"));
      still.lastChild.textContent = says[at];
      still.style.width = { 1: "100%", 2: "47%", 4: "23%" }[columns];
    }
    box.replaceWith(stills);
  }

  // What only a screen needs goes, and what to compare with: the solutions are there. The rest is unfolded.
  article.querySelectorAll("th button").forEach((node) => node.replaceWith(...node.childNodes));
  const gone = "button, .headerlink, details.hide, .compare, script, style, mjx-assistive-mml";
  article.querySelectorAll(gone).forEach((node) => node.remove());
  article.querySelectorAll("details").forEach((node) => { node.open = true; });
  article.querySelectorAll(".dropdown, .toggle").forEach((node) => {
    node.classList.remove("dropdown", "toggle", "toggle-hidden");
  });

  // Solutions stand together at the end.
  const solutions = article.querySelectorAll(".solution.admonition");
  if (solutions.length) {
    const section = document.createElement("section");
    section.id = "printed-solutions";
    section.innerHTML = "<h2>Solutions</h2>";
    section.append(...solutions);
    article.querySelector("section").append(section);
  }
  document.body.replaceChildren(article);
  document.body.className = "printed";

  // Pictures have the size that their letters were made for; what is too wide becomes smaller.
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
  await document.fonts.ready;
  for (const image of article.querySelectorAll("img:not(.control-frame)")) {
    if (!image.style.width) image.style.width = `${0.74 * image.naturalWidth}px`;
  }
  for (const code of article.querySelectorAll("pre")) {
    if (code.textContent.split("\n").length > 30) code.classList.add("long");
  }
  for (const table of article.querySelectorAll("table")) {
    if (table.rows.length > 12) table.classList.add("long");
  }
  // What is wider than its column becomes smaller; else Chromium prints the whole chapter smaller.
  for (const node of article.querySelectorAll("mjx-container, table")) {
    const wide = Math.max(node.scrollWidth, node.querySelector("mjx-math")?.scrollWidth ?? 0);
    const column = node.parentNode.closest("p, li, dd, td, div, figcaption");
    const share = (98 * column.clientWidth) / wide;
    if (share < 98) node.style.setProperty("font-size", `${share}%`, "important");
  }

  // A link to a page of the site gets a name that is found again when the chapters are put together;
  // and every place is linked to, since Chromium keeps no others.
  for (const link of article.querySelectorAll("a[href]")) {
    const url = new URL(link.getAttribute("href"), document.baseURI);
    if (url.origin === location.origin) link.href = `https://book.invalid${url.pathname}${url.hash}`;
  }
  const places = document.body.appendChild(document.createElement("div"));
  places.hidden = true;
  for (const { id } of article.querySelectorAll("[id]")) {
    places.appendChild(document.createElement("a")).href = `#${encodeURIComponent(id)}`;
  }
  const text = (node) => node.textContent.trim().replace(/\s+/g, " ");
  const headings = [...article.querySelectorAll("h2")];
  const width = document.documentElement.clientWidth;
  const sticksOut = (node) => node.getBoundingClientRect().right > width + 1;
  return {
    tooWide: [...article.querySelectorAll("*")].filter(sticksOut).map(text),
    title: text(article.querySelector("h1")),
    sections: headings.map((node) => [text(node), node.closest("[id]").id]),
  };
}
