import { signal } from "@preact/signals";
import type { Citation } from "../client/chat";

/** A place in a document: a page, and there the words that are meant. */
export interface Place {
  document: { id: string; filename: string; mediaType: string; pageCount: number | null };
  /** The one that is cited; without it, the latest. */
  version?: { id: string; number: number; isLatest: boolean };
  page: number;
  quote?: string;
  /** Of the page's text, in code points. */
  span?: { start: number; end: number };
  boxes?: { page: number; x: number; y: number; width: number; height: number }[];
  citation?: Citation;
}

export interface Viewing {
  place: Place;
  /** The other citations of the answer, in its order; `place` is one of them. */
  places: Place[];
  messageId?: string;
}

export const viewing = signal<Viewing | null>(null);
/** What opened the viewer; it gets the focus back. */
let opener: HTMLElement | null = null;

/** Null once the document is deleted. */
export function placeOf(citation: Citation): Place | null {
  const { document, version, filename, pageNumber: page, quote, textStart: start, textEnd: end, boxes } = citation;
  if (!document || !version) return null;
  const { mediaType, pageCount } = version;
  const span = end > start ? { start, end } : undefined;
  return { document: { id: document.id, filename, mediaType, pageCount }, version, page, quote, span, boxes, citation };
}

export function view(next: Viewing): void {
  if (!viewing.peek()) opener = document.activeElement as HTMLElement | null;
  viewing.value = next;
}

export function viewCitation(citation: Citation, all: Citation[], messageId: string): void {
  opener = document.activeElement as HTMLElement | null;
  const places = distinct(all).map(placeOf).filter((one) => one !== null);
  const place = places.find((one) => sameWords(one.citation!, citation)) ?? placeOf(citation);
  if (place) view({ place, places, messageId });
}

export function closeViewer(): void {
  viewing.value = null;
  requestAnimationFrame(() => opener?.isConnected && opener.focus());
}

export const sameWords = (a: Citation, b: Citation) =>
  a.version?.id === b.version?.id && a.filename === b.filename && a.pageNumber === b.pageNumber && a.quote === b.quote;

/** Each cited place once, in the order of the answer. */
export function distinct(citations: Citation[]): Citation[] {
  return citations.filter((one, i) => citations.findIndex((other) => sameWords(one, other)) === i);
}

/** A file name without its ending, for where there is little room. */
export const shortName = (filename: string) => filename.replace(/\.[a-z0-9]{1,5}$/i, "");
