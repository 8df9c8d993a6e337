export interface Rect { x: number; y: number; width: number; height: number }

/**
 * Boxes of lines as the outlines of the blocks that they form: lines that touch are one shape.
 * Returns SVG paths in fractions of the page.
 */
export function outline(boxes: Rect[]): string {
  const groups: Rect[][] = [];
  for (const box of boxes) {
    const group = groups.at(-1);
    const above = group?.at(-1);
    if (above && touches(above, box)) group!.push(box);
    else groups.push([box]);
  }
  return groups.map(path).join("");
}

function touches(above: Rect, box: Rect): boolean {
  const gap = box.y - (above.y + above.height);
  const overlap = Math.min(above.x + above.width, box.x + box.width) - Math.max(above.x, box.x);
  return box.y > above.y && gap < 0.9 * box.height && overlap > 0;
}

function path(lines: Rect[]): string {
  const edges = lines.map((line, i) => ({
    left: line.x - 0.003,
    right: line.x + line.width + 0.003,
    top: i ? (line.y + lines[i - 1]!.y + lines[i - 1]!.height) / 2 : line.y - 0.002,
    bottom: line.y + line.height + 0.002,
  }));
  edges.forEach((edge, i) => i && (edges[i - 1]!.bottom = edge.top));
  const right = edges.map(({ right: x, top, bottom }) => `${x} ${top}L${x} ${bottom}`);
  const left = edges.map(({ left: x, top, bottom }) => `${x} ${bottom}L${x} ${top}`).reverse();
  return `M${[...right, ...left].join("L")}Z`;
}
