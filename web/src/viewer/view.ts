/** A document as pages, whatever draws them. */
export interface PagedView {
  readonly pageCount: number;
  element(page: number): HTMLElement | undefined;
  text(page: number): Promise<string>;
  show(page: number): Promise<void>;
}

const HIGHLIGHT = "find";

/** Marks the words on a page without touching its elements; tells how many there are. */
export function highlight(page: HTMLElement, words: string): number {
  if (!("highlights" in CSS)) return 0;
  const nodes: { node: Text; start: number }[] = [];
  let text = "";
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode as Text, start: text.length });
    text += walker.currentNode.nodeValue;
  }
  const place = (at: number): [Text, number] => {
    const { node, start } = nodes.findLast((one) => one.start <= at)!;
    return [node, Math.min(at - start, node.length)];
  };
  const ranges: Range[] = [];
  const [whole, wanted] = [text.toLowerCase(), words.toLowerCase()];
  for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, at + wanted.length)) {
    const range = new Range();
    range.setStart(...place(at));
    range.setEnd(...place(at + wanted.length - 1));
    range.setEnd(range.endContainer, range.endOffset + 1);
    ranges.push(range);
  }
  CSS.highlights.set(HIGHLIGHT, new Highlight(...ranges));
  ranges[0]?.startContainer.parentElement?.scrollIntoView({ block: "center" });
  return ranges.length;
}

export const unhighlight = () => "highlights" in CSS && CSS.highlights.delete(HIGHLIGHT);

/** The next page from `page` on (or back, and round about) that has the words. */
export async function findPage(view: PagedView, words: string, from: number, step: 1 | -1): Promise<number | null> {
  const wanted = words.toLowerCase();
  for (let i = 0; i < view.pageCount; i++) {
    const page = ((from - 1 + i * step + view.pageCount * 2) % view.pageCount) + 1;
    if ((await view.text(page)).toLowerCase().includes(wanted)) return page;
  }
  return null;
}
