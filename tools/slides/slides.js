// Sets the formulas, moves what does not fit to a slide below, and starts the slide show.
const WIDTH = 1280, HEIGHT = 720;
const HEADING = "h1, h2, h3, h4";

const tooHigh = (slide) => slide.scrollHeight > HEIGHT;
const visible = (slide) => [...slide.children].filter((block) => block.tagName !== "ASIDE");
const leadsOn = (block) => /[,:\w]$/.test(block?.querySelector("p")?.innerText.trim() ?? "");
const isCaption = (block) => block?.querySelector(".celltag_caption");

// Makes a block smaller, as long as something is too large.
function shrink(block, tooLarge) {
  for (let zoom = 1; tooLarge() && zoom > 0.4; zoom -= 0.05) block.style.zoom = zoom;
}

// A slide below, for what follows: it repeats the heading in small letters.
function below(slide) {
  const next = document.createElement("section");
  const heading = slide.querySelector(HEADING)?.cloneNode(true);
  if (heading) {
    heading.classList.add("again");
    heading.removeAttribute("id");
    next.append(heading);
  }
  slide.after(next);
  return next;
}

// Says whether the end of a slide belongs to what follows it: a caption, what a colon announces.
function bound(slide, next) {
  return isCaption(next) || leadsOn(visible(slide).at(-1));
}

function split(slide) {
  visible(slide).forEach((block) => shrink(block, () => block.scrollWidth > block.clientWidth));
  const first = slide.querySelector(HEADING) ? 2 : 1;
  const rest = [];
  while (tooHigh(slide) && visible(slide).length > first) {
    do rest.unshift(slide.removeChild(slide.lastElementChild));
    while (rest[0].tagName === "ASIDE" || (visible(slide).length > first && bound(slide, rest[0])));
  }
  shrink(visible(slide).at(-1), () => tooHigh(slide));
  if (!rest.length) return;
  const next = below(slide);
  next.append(...rest);
  split(next);
}

async function start() {
  const reveal = document.querySelector(".reveal");
  await MathJax.startup.promise;
  await MathJax.typesetPromise();
  await document.fonts.ready;
  await Promise.allSettled([...document.images].map((image) => image.decode()));
  reveal.classList.add("measured");
  document.querySelectorAll(".slides > section > section").forEach(split);
  reveal.classList.remove("measured");
  await Reveal.initialize({
    width: WIDTH,
    height: HEIGHT,
    margin: 0.05,
    center: false,
    hash: true,
    slideNumber: "c/t",
    transition: "none",
    plugins: [RevealNotes],
  });
}

addEventListener("load", start);
