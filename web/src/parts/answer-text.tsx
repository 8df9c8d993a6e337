import type { ComponentChildren } from "preact";
import { memo } from "preact/compat";
import type { Citation } from "../../client/chat";

interface Block {
  kind: "text" | "heading" | "list" | "table" | "code";
  start: number;
  raw: string;
}
interface Marked { from: number; to: number }
type Chip = (citation: Citation, key: string) => ComponentChildren;

interface Props {
  text: string;
  citations: Citation[];
  chip: Chip;
  /** The citation that is open; its sentence is marked. */
  active?: Citation | null;
}

/**
 * An answer. Markdown becomes elements, never HTML: whatever is none of the few forms below stays
 * the text that it is. Blocks that did not change are not drawn again while an answer is written.
 */
export function AnswerText({ text, citations, chip, active }: Props) {
  const offset = offsets(text);
  const placed = citations.map((one) => ({ one, start: offset(one.start), end: offset(one.end) }));
  const marked = active ? { from: offset(active.start), to: offset(active.end) } : null;
  return (
    <div class="answer-text" dir="auto">
      {blocks(text).map((block) => {
        const end = block.start + block.raw.length;
        const own = placed.filter((p) => p.end >= block.start && p.end <= end).map((p) => ({ ...p.one, end: p.end }));
        const here = marked && marked.from < end && marked.to > block.start ? marked : null;
        return <BlockView key={block.start} block={block} citations={own} marked={here} chip={chip} />;
      })}
    </div>
  );
}

/** From code points, which the API counts, to the UTF-16 units of JavaScript. */
export function offsets(text: string): (codePoint: number) => number {
  if (!/[\ud800-\udbff]/.test(text)) return (at) => at;
  const units: number[] = [];
  let at = 0;
  for (const character of text) {
    units.push(at);
    at += character.length;
  }
  return (codePoint) => units[codePoint] ?? at;
}

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  let open: Block | null = null;
  let fenced = false;
  let start = 0;
  for (const line of text.split("\n")) {
    const kind = fenced || line.startsWith("```") ? "code" : kindOf(line);
    if (kind === null) open = null;
    else if (open && open.kind === kind && kind !== "heading" && !(kind === "code" && !fenced)) open.raw += `\n${line}`;
    else if (open?.kind === "list" && kind === "text" && /^\s/.test(line)) open.raw += `\n${line}`;
    else found.push((open = { kind, start, raw: line }));
    if (line.startsWith("```")) {
      fenced = !fenced;
      if (!fenced) open = null;
    }
    start += line.length + 1;
  }
  return found;
}

function kindOf(line: string): Block["kind"] | null {
  if (!line.trim()) return null;
  if (/^#{1,6} /.test(line)) return "heading";
  if (/^\s*([-*•]|\d{1,3}[.)]) /.test(line)) return "list";
  if (/^\s*\|.*\|\s*(\[\d+\])*$/.test(line)) return "table";
  return "text";
}

const BlockView = memo(
  function BlockView({ block, citations, marked, chip }: { block: Block; citations: Citation[]; marked: Marked | null; chip: Chip }) {
    const inline = (text: string, start: number) => inlines(text, block.start + start, citations, marked, chip);
    const { raw } = block;
    switch (block.kind) {
      case "heading":
        return <h3>{inline(raw.replace(/^#+ /, ""), raw.indexOf(" ") + 1)}</h3>;
      case "code":
        return <pre><code>{raw.replace(/^```.*\n?/, "").replace(/\n?```$/, "")}</code></pre>;
      case "list":
        return <List raw={raw} inline={inline} />;
      case "table":
        return <Table raw={raw} inline={inline} />;
      default:
        return <p>{inline(raw, 0)}</p>;
    }
  },
  (a, b) =>
    a.block.raw === b.block.raw &&
    a.chip === b.chip &&
    a.marked?.from === b.marked?.from &&
    a.marked?.to === b.marked?.to &&
    a.citations.length === b.citations.length &&
    a.citations.every((one, i) => one.quote === b.citations[i]!.quote && one.index === b.citations[i]!.index),
);

type Inline = (text: string, start: number) => ComponentChildren;

function List({ raw, inline }: { raw: string; inline: Inline }) {
  const items: { text: string; start: number; level: number }[] = [];
  let at = 0;
  for (const line of raw.split("\n")) {
    const bullet = /^(\s*)(?:[-*•]|\d{1,3}[.)]) /.exec(line);
    if (bullet) items.push({ text: line.slice(bullet[0].length), start: at + bullet[0].length, level: Math.min(bullet[1]!.length >> 1, 3) });
    else items.at(-1)!.text += `\n${line}`;
    at += line.length + 1;
  }
  const first = /^\s*(\d+)/.exec(raw)?.[1];
  const children = items.map((item) => (
    <li key={item.start} data-level={item.level || undefined}>{inline(item.text, item.start)}</li>
  ));
  return first ? <ol start={+first}>{children}</ol> : <ul>{children}</ul>;
}

function Table({ raw, inline }: { raw: string; inline: Inline }) {
  let at = 0;
  const rows = raw.split("\n").map((line) => {
    const cells: { text: string; start: number }[] = [];
    const inner = /^\s*\|(.*)\|(\s*(?:\[\d+\])*)$/.exec(line)!;
    let start = at + line.indexOf("|") + 1;
    for (const cell of inner[1]!.split("|")) {
      cells.push({ text: cell, start });
      start += cell.length + 1;
    }
    if (inner[2]) cells.push({ text: inner[2], start });
    at += line.length + 1;
    return cells;
  });
  const ruled = rows[1]?.every(({ text }) => /^\s*:?-+:?\s*$/.test(text));
  const body = ruled ? rows.slice(2) : rows;
  return (
    <div class="table-scroll" tabIndex={0} role="group">
      <table>
        {ruled && (
          <thead>
            <tr>{rows[0]!.map((cell) => <th key={cell.start} scope="col">{inline(cell.text, cell.start)}</th>)}</tr>
          </thead>
        )}
        <tbody>
          {body.map((cells, i) => (
            <tr key={i}>{cells.map((cell) => <td key={cell.start}>{inline(cell.text, cell.start)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const TOKEN = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|(?<![\w*])\*([^*\s][^*\n]*)\*(?![\w*])|(?: ?\[\d{1,3}\])/g;

/** Emphasis, code and chips in a piece of an answer that begins at `start`. */
function inlines(text: string, start: number, citations: Citation[], marked: Marked | null, chip: Chip): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const from = match.index;
    if (from > at) out.push(...words(text.slice(at, from), start + at, marked));
    at = from + match[0].length;
    const [, code, strong, emphasis] = match;
    if (code) out.push(<code>{code}</code>);
    else if (strong) out.push(<strong>{words(strong, start + from + 2, marked)}</strong>);
    else if (emphasis) out.push(<em>{words(emphasis, start + from + 1, marked)}</em>);
    else {
      const index = Number(/\d+/.exec(match[0])![0]);
      const cited = citations.filter((one) => one.index === index && one.end <= start + from + 1).at(-1);
      if (cited) out.push(chip(cited, `${start + from}`));
    }
  }
  if (at < text.length) out.push(...words(text.slice(at), start + at, marked));
  return out;
}

function words(text: string, start: number, marked: Marked | null): ComponentChildren[] {
  if (!marked || marked.to <= start || marked.from >= start + text.length) return [text];
  const from = Math.max(marked.from - start, 0);
  const to = Math.min(marked.to - start, text.length);
  return [text.slice(0, from), <mark class="cited">{text.slice(from, to)}</mark>, text.slice(to)];
}
