// Tables of class "sortable": a heading becomes a button that sorts by its column, down, then up.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const number = (row, column) => {
    const text = row.cells[column].textContent.replace(/\(.*\)|[,≤★%\s]/g, "");
    return text === "" ? NaN : Number(text);
  };
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.querySelector("p")?.childNodes ?? heading.childNodes);
    heading.replaceChildren(button);
    heading.scope = "col";
    const numeric = column > 0 && [...body.rows].some((row) => !Number.isNaN(number(row, column)));
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const compare = (a, b) => {
        if (!numeric) {
          const [left, right] = [a, b].map((row) => row.cells[column].textContent);
          return (up ? 1 : -1) * left.localeCompare(right);
        }
        const [left, right] = [number(a, column), number(b, column)];
        if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right);
        return up ? left - right : right - left;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
