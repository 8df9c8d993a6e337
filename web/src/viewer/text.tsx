import type { ComponentChildren } from "preact";
import { memo } from "preact/compat";
import { offsets } from "../parts/answer-text";

export interface Span { from: number; to: number; kind: "passage" | "quote" }

interface Cell { text: string; start: number }
type Piece =
  | { kind: "heading"; level: number; cell: Cell }
  | { kind: "paragraph" | "item"; cell: Cell }
  | { kind: "table"; rows: Cell[][] };

/** The text of a page as something readable, with spans of it marked; spans count code points. */
export const PageText = memo(function PageText({ text, csv, spans }: { text: string; csv: boolean; spans: Span[] }) {
  const unit = offsets(text);
  const marks = spans.map((span) => ({ ...span, from: unit(span.from), to: unit(span.to) }));
  const words = ({ text: part, start }: Cell) => marked(part, start, marks);
  const pieces = csv ? [{ kind: "table" as const, rows: csvRows(text) }] : piecesOf(text);
  return (
    <>
      {pieces.map((piece, i) => {
        switch (piece.kind) {
          case "heading": {
            const Tag = `h${Math.min(piece.level + 2, 6)}` as "h3";
            return <Tag key={i} dir="auto">{words(piece.cell)}</Tag>;
          }
          case "item":
            return <p key={i} class="text-item" dir="auto">{words(piece.cell)}</p>;
          case "table":
            return <TextTable key={i} rows={piece.rows} words={words} />;
          default:
            return <p key={i} dir="auto">{words(piece.cell)}</p>;
        }
      })}
    </>
  );
});

function TextTable({ rows, words }: { rows: Cell[][]; words(cell: Cell): ComponentChildren }) {
  const [head, ...body] = rows;
  return (
    <div class="table-scroll" tabIndex={0} role="group">
      <table>
        {body.length > 0 && <thead><tr>{head!.map((cell) => <th key={cell.start} scope="col" dir="auto">{words(cell)}</th>)}</tr></thead>}
        <tbody>
          {(body.length ? body : rows).map((cells, i) => (
            <tr key={i}>{cells.map((cell) => <td key={cell.start} dir="auto">{words(cell)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Headings, items and tables (cells between ` | `) of the text that the server reads out of a file. */
function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let open: Cell | null = null;
  for (const line of text.split("\n")) {
    const last = pieces.at(-1);
    const heading = /^(#{1,6}) /.exec(line);
    if (!line.trim()) open = null;
    else if (heading) {
      const skip = heading[0].length;
      pieces.push({ kind: "heading", level: heading[1]!.length, cell: { text: line.slice(skip), start: start + skip } });
      open = null;
    } else if (line.includes(" | ")) {
      const row = split(line, start);
      if (last?.kind === "table" && open === null && text[start - 2] !== "\n") last.rows.push(row);
      else pieces.push({ kind: "table", rows: [row] });
      open = null;
    } else if (/^\s*[-*•] /.test(line)) {
      const skip = line.search(/[-*•]/) + 2;
      open = { text: line.slice(skip), start: start + skip };
      pieces.push({ kind: "item", cell: open });
    } else if (open) open.text += `\n${line}`;
    else {
      open = { text: line, start };
      pieces.push({ kind: "paragraph", cell: open });
    }
    start += line.length + 1;
  }
  return pieces;
}

function split(line: string, start: number): Cell[] {
  const cells: Cell[] = [];
  let at = start;
  for (const text of line.split(" | ")) {
    cells.push({ text, start: at });
    at += text.length + 3;
  }
  return cells;
}

function csvRows(text: string): Cell[][] {
  const delimiter = [",", ";", "\t"].reduce((best, one) =>
    text.slice(0, 2000).split(one).length > text.slice(0, 2000).split(best).length ? one : best,
  );
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    const ends = character === undefined || (!quoted && (character === delimiter || character === "\n"));
    if (!ends) continue;
    const raw = text.slice(from, at);
    row.push(/^".*"$/s.test(raw) ? { text: raw.slice(1, -1), start: from + 1 } : { text: raw, start: from });
    from = at + 1;
    if (character !== delimiter) {
      if (row.some((cell) => cell.text)) rows.push(row);
      row = [];
    }
  }
  return rows;
}

function marked(text: string, start: number, spans: Span[]): ComponentChildren {
  const end = start + text.length;
  const here = spans.filter((span) => span.from < end && span.to > start);
  if (!here.length) return text;
  const cuts = [...new Set([start, end, ...here.flatMap(({ from, to }) => [from, to])])]
    .filter((cut) => cut >= start && cut <= end)
    .sort((a, b) => a - b);
  return cuts.slice(0, -1).map((cut, i) => {
    const part = text.slice(cut - start, cuts[i + 1]! - start);
    const kinds = here.filter((span) => span.from <= cut && span.to > cut).map(({ kind }) => kind);
    if (!kinds.length) return part;
    return <mark key={cut} class={`mark-${kinds.includes("quote") ? "quote" : "passage"}`}>{part}</mark>;
  });
}
