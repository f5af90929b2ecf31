// What is asked in a page. Every function returns a list of findings; an empty list is good.
window.look = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const name = (element) => {
    const { tagName, id, className } = element;
    const words = String(className.baseVal ?? className).trim();
    const text = (element.getAttribute("aria-label") || element.textContent || "").trim();
    return `${tagName.toLowerCase()}${id && `#${id}`}${words && `.${words.split(/\s+/).join(".")}`}` +
      ` “${text.replace(/\s+/g, " ").slice(0, 60)}”`;
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  // Text that a reader sees, outside code and outside formulas that were set.
  function prose() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (!parent.closest("code, pre, kbd, script, style, textarea, noscript, mjx-container"))
        found.push(walker.currentNode.data);
    }
    return found;
  }

  function formulas() {
    const unset = all(".math").filter((e) => !e.closest("pre, code, mjx-container") &&
      e.textContent.trim() && !e.querySelector("mjx-container"));
    const wrong = all("mjx-merror, [data-mjx-error], mjx-mtext").filter((e) =>
      e.matches("mjx-merror, [data-mjx-error]") || getComputedStyle(e).color === "rgb(255, 0, 0)");
    const raw = prose().filter((text) => /\\\(|\\\[|\$\$|\\begin\{|\\frac\b/.test(text));
    return [
      ...unset.map((e) => `not rendered: ${name(e)}`),
      ...wrong.map((e) => `wrong: ${name(e.closest("mjx-container") ?? e)}`),
      ...raw.map((text) => `raw: ${text.trim().slice(0, 80)}`),
    ];
  }

  const markup = () =>
    prose().filter((text) => /\{[a-z:]+\}`|^:{3,}|`{3,}\{/m.test(text)).map((t) => t.trim().slice(0, 80));

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

  // Leave one of each kind of element, by its classes and those around it: they have the same colours.
  function kinds() {
    const known = new Set();
    const visit = (e, around) => {
      const kind = `${around} ${e.tagName}.${e.getAttribute("class")} ${e.getAttribute("style")}`;
      [...e.children].forEach((child) => visit(child, kind));
      if (known.has(kind) && !e.children.length) e.remove();
      else known.add(kind);
    };
    visit(document.body, "");
    return [];
  }

  return {
    name, seen, formulas, markup, images, alt, overflow, isOpen, openAll, isControl, keys, state,
    downloads, focus, thin, kinds,
  };
})();
