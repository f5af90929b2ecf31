// What is asked in a page. Every function returns a list of findings; an empty list is good.
window.look = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  // A number that stands for a text (cyrb53).
  function hash(text) {
    let [a, b] = [0xdeadbeef, 0x41c6ce57];
    for (let i = 0; i < text.length; i++) {
      const letter = text.charCodeAt(i);
      a = Math.imul(a ^ letter, 2654435761);
      b = Math.imul(b ^ letter, 1597334677);
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return 4294967296 * (2097151 & b) + (a >>> 0);
  }
  const name = (element) => {
    const { tagName, id, className } = element;
    const words = String(className.baseVal ?? className).trim();
    const text = (element.getAttribute("aria-label") || element.textContent || "").trim();
    return `${tagName.toLowerCase()}${id && `#${id}`}${words && `.${words.split(/\s+/).join(".")}`}` +
      ` “${text.replace(/\s+/g, " ").slice(0, 60)}”`;
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  // Two frames later: what is drawn has its size, and who observes sizes has been told.
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  let drawn = false; // a frame, since all of the page's text is known
  document.addEventListener("readystatechange", () => frame().then(() => (drawn = true)), { once: true });

  // Says that the first text is painted, or why it cannot be before what comes `later`: the pattern of
  // addresses that are not answered yet. Null as long as neither is sure.
  function firstText(later) {
    if (!document.documentElement) return null; // asked before the parser has read a word
    if (performance.getEntriesByName("first-contentful-paint").length) return "painted";
    const style = all("link[rel~=stylesheet]").find((link) => later.test(link.href) && !link.sheet);
    if (style) return `the first text waits for ${style.href}`;
    let last = document.documentElement; // where the parser stands
    while (last.lastElementChild) last = last.lastElementChild;
    if (document.readyState === "loading" && last.matches("script[src]") && !last.async && !last.defer &&
        later.test(last.src) && !hasText(() => true)) return `the first text waits for ${last.src}`;
    if (drawn && !hasText((node) => seen(node.parentElement))) return "the first text is hidden";
    return null;
  }

  // Text that a reader sees, outside code and outside formulas that were set.
  function* prose() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (!parent.closest("code, pre, kbd, script, style, textarea, noscript, mjx-container"))
        yield walker.currentNode;
    }
  }
  function hasText(suits) {
    if (document.body) for (const node of prose()) if (node.data.trim() && suits(node)) return true;
    return false;
  }

  function formulas() {
    const unset = all(".math").filter((e) => !e.closest("pre, code, mjx-container") &&
      e.textContent.trim() && !e.querySelector("mjx-container"));
    const wrong = all("mjx-merror, [data-mjx-error], mjx-mtext").filter((e) =>
      e.matches("mjx-merror, [data-mjx-error]") || getComputedStyle(e).color === "rgb(255, 0, 0)");
    const raw = [...prose()].map((node) => node.data).filter((text) => /\\\(|\\\[|\$\$|\\begin\{|\\frac\b/.test(text));
    return [
      ...unset.map((e) => `not rendered: ${name(e)}`),
      ...wrong.map((e) => `wrong: ${name(e.closest("mjx-container") ?? e)}`),
      ...raw.map((text) => `raw: ${text.trim().slice(0, 80)}`),
    ];
  }

  const markup = () =>
    [...prose()].map((node) => node.data).filter((text) => /\{[a-z:]+\}`|^:{3,}|`{3,}\{/m.test(text)).map((t) => t.trim().slice(0, 80));

  // Lazy images are asked for, and closed parts hide none.
  async function images() {
    const pictures = all("img");
    pictures.forEach((image) => (image.loading = "eager"));
    await Promise.all(pictures.map((image) => image.decode().catch(() => {})));
    return pictures.filter((image) => !image.naturalWidth).map((image) => image.src);
  }

  const alt = () => all("main img").filter((image) => {
    const words = image.getAttribute("alt")?.trim();
    if (words === "" && image.closest("a")?.textContent.trim()) return false; // the link says it
    return !image.closest(".dropdown-menu, [aria-hidden=true]") &&
      (!words || /\.(png|svg|gif|jpe?g|webp)$/i.test(words) || words.split(/\s+/).length < 2);
  }).map((image) => `${image.getAttribute("src").slice(0, 80)}: alt=${JSON.stringify(image.alt)}`);

  // What sticks out of the screen and cannot be scrolled into it.
  function overflow() {
    const width = document.documentElement.clientWidth;
    const inside = (element) => {
      for (let e = element; e && e !== document.body; e = e.parentElement) {
        const style = getComputedStyle(e);
        if (style.position === "fixed" || /auto|scroll/.test(style.overflowX) || e.matches("dialog"))
          return true;
      }
      return false;
    };
    const wide = all("main *").filter((e) => {
      const box = e.getBoundingClientRect();
      return box.width > 1 && (box.right > width + 1 || box.left < -1) &&
        !e.closest("mjx-assistive-mml, svg") && seen(e) && !inside(e);
    });
    const page = document.documentElement.scrollWidth;
    return [
      ...(page > width ? [`the page is ${page} px wide`] : []),
      ...wide.filter((e) => !wide.includes(e.parentElement)).slice(0, 5).map((e) => `wide: ${name(e)}`),
    ];
  }

  // What can be scrolled sideways, but not by the keyboard.
  async function scrolling() {
    await frame();
    const reached = (e) => e.hasAttribute("tabindex") && e.tabIndex >= 0;
    return all("main, main *").filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth &&
      /auto|scroll/.test(getComputedStyle(e).overflowX) && seen(e) && !reached(e) &&
      !all(focusable, e).some((inside) => inside.tabIndex >= 0 && seen(inside)),
    ).map((e) => `${e.scrollWidth} px in ${e.clientWidth}: ${name(e)}`);
  }

  // A list without what was there before, as one text.
  const once = (list) => [...new Set(list)].join();

  // Elements that a finding is sought for: `picked` keeps them, what is returned says what they are.
  let picked = [];
  const at = (index) => picked[index];

  // One fold of each kind that is not `known`. What it does depends on what it is, on what it folds and
  // on the page's scripts, but for the names in them, as that of the page.
  function folds(known) {
    const kinds = new Map();
    const what = (e) => `${e.tagName}.${[...e.classList].filter((word) => !/hidden/.test(word)).join(".")}`;
    const scripts = once(all("script").filter((e) => /^$|javascript|module/.test(e.type)).map((e) =>
      e.src.split("?")[0] || e.text.replace(/'[^']*'|"[^"]*"/g, "")));
    for (const e of all("main :is(details > summary, button.toggle-button)")) {
      const handlers = ["onclick", "onkeydown", "onkeyup"].map((key) => e.getAttribute(key)).join();
      const kind = hash(`${what(e)} ${handlers} ${what(e.closest("details, .toggle"))} ${scripts}`);
      if (!known.includes(kind) && !kinds.has(kind)) kinds.set(kind, e);
    }
    picked = [...kinds.values()];
    return [...kinds.keys()];
  }

  const isOpen = (control) => control.matches("summary")
    ? control.parentElement.open
    : !control.closest(".toggle").classList.contains("toggle-hidden");
  const openAll = () => all("main :is(details > summary, button.toggle-button)").filter((control) => {
    if (!isOpen(control)) control.click();
    return !isOpen(control);
  }).map((control) => `stays closed: ${name(control)}`);

  // What a reader can set, the keys that set it, and what these must change.
  const isControl = (e) => !e.disabled && e.tabIndex >= 0 && seen(e.labels?.[0] ?? e) && e.type !== "search" &&
    !e.matches(".copybtn, .toggle-button") && !e.closest("form.bd-search, .dropdown-menu");
  // A form leads to another page: the search is tried by itself.
  function controls() {
    picked = all("main article :is(input, select, button)").filter((e) =>
      !e.closest("form") && !e.matches(".unfold") && isControl(e)); // it would fold away the next ones
    return picked.map(keys);
  }
  const keys = (e) => e.matches("select, [type=range]") ? ["Home", "End"]
    : e.type === "radio" ? [null, "ArrowRight"] : e.matches("input:not([type=checkbox])")
      ? [null, "z"] : [null, "Space"];
  function state(e) {
    const picture = e.closest(".control");
    if (!picture) {
      const box = e.closest("table, .sd-tab-set") ?? e.closest("section, article");
      const shown = all("*", box).map((one) => getComputedStyle(one));
      return [box.outerHTML, box.innerText, ...shown.map((s) => s.opacity + s.display + s.visibility)].join();
    }
    return [
      ...all("img", picture).map((image) => image.currentSrc),
      ...all("canvas", picture).map((canvas) => canvas.toDataURL()),
      ...all("svg", picture).map((svg) => svg.outerHTML),
      ...all("pre", picture).filter(seen).map((pre) => pre.textContent),
    ].join();
  }

  let before = "";
  const remember = (e) => { before = state(e); };
  const changed = (e) => state(e) !== before;

  const downloads = () => all("a[download], a.reference.download, [class*=download] a")
    .map((a) => a.href);

  // Where the keyboard goes, and whether one sees that it is there.
  const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";
  const look = (e) => [e, ...(e.matches("label") ? all("*", e) : [])].map(ring).join();
  const ring = (e) => {
    const s = getComputedStyle(e);
    const outline = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 ? s.outlineColor : "";
    return [outline, s.boxShadow, s.backgroundColor, s.borderColor, s.textDecorationLine,
      s.textDecorationThickness].join("|");
  };
  function focus() {
    const found = [];
    for (const e of all(focusable)) {
      if (e.disabled || e.tabIndex < 0 || !e.checkVisibility({ visibilityProperty: true })) continue;
      if (e.tabIndex > 0) found.push(`out of order: ${name(e)}`);
      const shown = seen(e) ? e : (e.labels?.[0] ?? e); // a hidden switch shows on its label
      document.activeElement.blur();
      const before = look(shown);
      e.focus({ focusVisible: true, preventScroll: true });
      if (document.activeElement !== e) found.push(`cannot be reached: ${name(e)}`);
      else if (!seen(shown)) found.push(`focus is invisible: ${name(e)}`);
      else if (look(shown) === before) found.push(`focus does not show: ${name(e)}`);
    }
    document.activeElement.blur();
    const mouse = all("[onclick]").filter((e) => !e.matches(focusable) && seen(e));
    return [...found, ...mouse.map((e) => `only by the mouse: ${name(e)}`)];
  }

  // Leave one of each kind of coloured word and three formulas: what axe would say of the others, it
  // says of these, in a tenth of the time.
  function thin() {
    const kinds = new Set();
    all(".highlight pre").forEach((pre) => {
      const ground = getComputedStyle(pre).backgroundColor;
      all("span[class]", pre).forEach((span) => {
        const kind = `${ground} ${pre.closest(".highlight").parentElement.className} ${span.className}`;
        if (kinds.has(kind) && !span.children.length) span.replaceWith(span.textContent);
        else kinds.add(kind);
      });
      pre.normalize();
    });
    all("mjx-container").slice(3).forEach((formula) => formula.replaceChildren("x"));
    return [];
  }

  // Leave one of each kind of element that is not `known`, and say which kinds these are. Elements of one
  // kind have the same colours: their classes are the same, those around them, and the page's styles.
  function kinds(known) {
    const old = new Set(known);
    const sheets = once([...document.styleSheets].filter(({ ownerNode }) => !/^MJX/.test(ownerNode.id))
      .map((sheet) => sheet.href?.split("?")[0] ?? sheet.ownerNode.textContent));
    // Of what an element says of itself only what makes it easier or harder to read.
    const own = (e) => (e.getAttribute("style") ?? "").split(";")
      .filter((one) => /color|background|font|opacity|filter|shadow|blend/.test(one)).join();
    const visit = (e, around) => {
      const kind = hash(`${around} ${e.tagName}.${e.getAttribute("class")} ${own(e)}`);
      [...e.children].forEach((child) => visit(child, kind));
      if (old.has(kind) && !e.children.length) e.remove();
      else old.add(kind);
    };
    visit(document.body, sheets);
    return [...old].slice(known.length);
  }

  return {
    name, seen, frame, firstText, formulas, markup, images, alt, overflow, scrolling, folds, at, isOpen, openAll,
    controls, remember, changed, downloads, focus, thin, kinds,
  };
})();
