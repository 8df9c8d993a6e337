import { getDocument, GlobalWorkerOptions, TextLayer, type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist";
import worker from "pdfjs-dist/build/pdf.worker.min.mjs?url";
import { outline, type Rect } from "./marks";
import type { PagedView } from "./view";

declare const __PDFJS_DATA__: string;

GlobalWorkerOptions.workerSrc = worker;
const KEPT_PAGES = 12;
const SVG = "http://www.w3.org/2000/svg";

export interface PageMarks { passage: (Rect & { page: number })[]; quote: (Rect & { page: number })[] }

interface Sheet { element: HTMLElement; drawn: { scale: number; cancel(): void } | null }

/** A PDF as a column of pages that are drawn when they come near. */
export class PdfView implements PagedView {
  readonly pageCount: number;
  private sheets: Sheet[];
  private near = new Set<number>();
  private order: number[] = [];
  private observer: IntersectionObserver;
  private resizer: ResizeObserver;
  private width = 0;

  static async open(url: string, container: HTMLElement, label: (page: number) => string): Promise<PdfView> {
    const document = await getDocument({
      url,
      cMapUrl: `${__PDFJS_DATA__}cmaps/`,
      cMapPacked: true,
      standardFontDataUrl: `${__PDFJS_DATA__}standard_fonts/`,
      wasmUrl: `${__PDFJS_DATA__}wasm/`,
      enableXfa: false,
    }).promise;
    return new PdfView(document, await document.getPage(1), container, label);
  }

  private constructor(
    private readonly document: PDFDocumentProxy,
    first: PDFPageProxy,
    private readonly container: HTMLElement,
    label: (page: number) => string,
  ) {
    this.pageCount = document.numPages;
    const { width, height } = first.getViewport({ scale: 1 });
    this.sheets = Array.from({ length: this.pageCount }, (_, i) => {
      const element = window.document.createElement("section");
      element.className = "sheet";
      element.dataset.page = String(i + 1);
      element.setAttribute("aria-label", label(i + 1));
      element.style.aspectRatio = `${width} / ${height}`;
      return { element, drawn: null };
    });
    container.replaceChildren(...this.sheets.map(({ element }) => element));
    this.observer = new IntersectionObserver((entries) => this.move(entries), { root: container, rootMargin: "60% 0px" });
    for (const { element } of this.sheets) this.observer.observe(element);
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(container);
  }

  element(page: number): HTMLElement | undefined {
    return this.sheets[page - 1]?.element;
  }

  setZoom(zoom: number): void {
    this.container.style.setProperty("--zoom", String(zoom));
    this.redraw();
  }

  async text(page: number): Promise<string> {
    const { items } = await (await this.document.getPage(page)).getTextContent();
    return items.map((item) => ("str" in item ? item.str : "")).join("");
  }

  /** Draws a page now, for whoever wants to go there. */
  async show(page: number): Promise<void> {
    await this.draw(page);
  }

  mark({ passage, quote }: PageMarks): void {
    for (const { element } of this.sheets) element.querySelector(".page-marks")?.remove();
    for (const page of new Set([...passage, ...quote].map((box) => box.page))) {
      const svg = window.document.createElementNS(SVG, "svg");
      svg.setAttribute("class", "page-marks");
      svg.setAttribute("viewBox", "0 0 1 1");
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      for (const [name, boxes] of Object.entries({ passage, quote })) {
        const shape = window.document.createElementNS(SVG, "path");
        shape.setAttribute("class", `mark-${name}`);
        shape.setAttribute("d", outline(boxes.filter((box) => box.page === page)));
        svg.append(shape);
      }
      this.element(page)?.append(svg);
    }
  }

  close(): void {
    this.observer.disconnect();
    this.resizer.disconnect();
    void this.document.loadingTask.destroy();
  }

  private move(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const page = Number((target as HTMLElement).dataset.page);
      if (isIntersecting) {
        this.near.add(page);
        void this.draw(page);
      } else this.near.delete(page);
    }
  }

  private resize(): void {
    const width = this.container.clientWidth;
    if (Math.abs(width - this.width) < 2) return;
    this.width = width;
    this.redraw();
  }

  private redraw(): void {
    for (const page of this.near) void this.draw(page);
  }

  private async draw(number: number): Promise<void> {
    const sheet = this.sheets[number - 1];
    if (!sheet) return;
    const page = await this.document.getPage(number);
    const natural = page.getViewport({ scale: 1 });
    sheet.element.style.aspectRatio = `${natural.width} / ${natural.height}`;
    const scale = sheet.element.clientWidth / natural.width;
    if (!scale || sheet.drawn?.scale === scale) return;
    sheet.drawn?.cancel();
    const viewport = page.getViewport({ scale });
    const canvas = window.document.createElement("canvas");
    const dense = Math.min(devicePixelRatio || 1, 3);
    canvas.width = Math.floor(viewport.width * dense);
    canvas.height = Math.floor(viewport.height * dense);
    const task = page.render({ canvas, viewport, transform: [dense, 0, 0, dense, 0, 0] });
    sheet.drawn = { scale, cancel: () => task.cancel() };
    try {
      await task.promise;
    } catch {
      return; // another drawing of the page took its place
    }
    const layer = window.document.createElement("div");
    layer.className = "textLayer";
    layer.style.setProperty("--total-scale-factor", String(scale));
    const text = new TextLayer({ textContentSource: page.streamTextContent(), container: layer, viewport });
    await text.render();
    sheet.element.querySelectorAll("canvas, .textLayer").forEach((old) => old.remove());
    sheet.element.prepend(canvas, layer);
    this.remember(number);
  }

  private remember(page: number): void {
    this.order = [...this.order.filter((one) => one !== page), page];
    while (this.order.length > KEPT_PAGES) {
      const oldest = this.order.find((one) => !this.near.has(one));
      if (oldest === undefined) return;
      this.order = this.order.filter((one) => one !== oldest);
      const sheet = this.sheets[oldest - 1]!;
      sheet.drawn = null;
      sheet.element.querySelectorAll("canvas, .textLayer").forEach((old) => old.remove());
    }
  }
}
