// What is wider than its place scrolls by itself, and the keyboard must be able to get there. The theme
// decides once which blocks are stops of the Tab key; but a block becomes narrower when a fold around
// it opens, when a font arrives, when the window changes, and then nobody would ask again. So the size
// of every such block is watched.
{
  const KINDS = "pre, .cell_output > .output, .jp-RenderedHTMLCommon, .nboutput > .output_area, " +
    ".pst-scrollable-table-container, .table-responsive, div.math, mjx-container";
  const scrolls = (overflow, content, place) => /auto|scroll/.test(overflow) && content > place;

  function decide(block) {
    const { overflowX, overflowY } = getComputedStyle(block);
    if (scrolls(overflowX, block.scrollWidth, block.clientWidth) ||
        scrolls(overflowY, block.scrollHeight, block.clientHeight)) block.tabIndex = 0;
    else if (block.tabIndex === 0) block.tabIndex = -1;
  }

  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => decide(target)));
  // Whoever begins to watch is told every size once, when the next frame is laid out.
  const watch = () => {
    sizes.disconnect();
    document.querySelectorAll(`main :is(${KINDS})`).forEach((block) => sizes.observe(block));
  };
  // Formulas are set, and live code writes its results, after the page is there.
  new MutationObserver(watch).observe(document.querySelector("main"), { childList: true, subtree: true });
  // Wider letters in a block of the same size.
  document.fonts.addEventListener("loadingdone", watch);
  watch();
}
