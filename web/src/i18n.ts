import { signal } from "@preact/signals";
import en from "./locales/en.json";

type Plural = { one?: string; other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;
type Messages = Record<Key, string | Plural>;
export type Key = keyof typeof en;

/** Each in its own name. */
export const LANGUAGES = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  ar: "العربية",
  zh: "中文",
} as const;
export type Language = keyof typeof LANGUAGES;

const loaders = import.meta.glob<Messages>(["./locales/*.json", "!./locales/en.json"], { import: "default" });
const messages = signal<Messages>(en);
export const language = signal<Language>("en");

const KEPT = "lectern.language";

/** The chosen language, or the browser's first that is spoken here. */
export function preferredLanguage(): Language {
  const wishes = [localStorage.getItem(KEPT), ...navigator.languages].map((tag) => tag?.split("-")[0]);
  return (wishes.find((tag) => tag && tag in LANGUAGES) as Language | undefined) ?? "en";
}

export async function speak(wanted: Language, keep = false): Promise<void> {
  if (keep) localStorage.setItem(KEPT, wanted);
  const load = loaders[`./locales/${wanted}.json`];
  messages.value = load ? await load() : en;
  language.value = wanted;
  document.documentElement.lang = wanted;
  document.documentElement.dir = wanted === "ar" ? "rtl" : "ltr";
}

/** The text for a key; `{name}` stands for a value, and `n` chooses the plural. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const message = messages.value[key] ?? en[key];
  let text = message as string;
  if (typeof message === "object") {
    const form = new Intl.PluralRules(language.value).select(Number(values.n));
    text = message[form] ?? message.other;
  }
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : (value ?? "");
  });
}

export const number = (value: number, options?: Intl.NumberFormatOptions) =>
  new Intl.NumberFormat(language.value, options).format(value);

export const percent = (fraction: number) => number(fraction, { style: "percent", maximumFractionDigits: 0 });

export function bytes(value: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), 4);
  const digits = power && value / 1000 ** power < 10 ? 1 : 0;
  return number(value / 1000 ** power, {
    style: "unit",
    unit: units[power],
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: digits,
  });
}

export const date = (iso: string, options: Intl.DateTimeFormatOptions = { dateStyle: "medium" }) =>
  new Intl.DateTimeFormat(language.value, options).format(new Date(iso));

export function day(iso: string): string {
  const midnight = (time: Date) => new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
  const days = Math.round((midnight(new Date(iso)) - midnight(new Date())) / 86_400_000);
  if (days < -6) return date(iso, { year: "numeric", month: "long" });
  const words = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" }).format(days, "day");
  return words.charAt(0).toLocaleUpperCase(language.value) + words.slice(1);
}
