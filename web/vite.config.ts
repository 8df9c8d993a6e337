import { cpSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const here = import.meta.dirname;
const pdfjs = resolve(here, "node_modules/pdfjs-dist");
const pdfjsVersion = JSON.parse(readFileSync(`${pdfjs}/package.json`, "utf8")).version as string;
const out = resolve(here, "../server/web");

/** What pdf.js fetches only when a document needs it: character maps, fonts, image decoders. */
const pdfjsData: Plugin = {
  name: "pdfjs-data",
  apply: "build",
  writeBundle() {
    for (const folder of ["cmaps", "standard_fonts", "wasm"]) {
      cpSync(`${pdfjs}/${folder}`, `${out}/assets/pdfjs-${pdfjsVersion}/${folder}`, {
        recursive: true,
        filter: (path) => !/quickjs/i.test(path),
      });
    }
  },
};

export default defineConfig({
  plugins: [pdfjsData],
  define: { __PDFJS_DATA__: JSON.stringify(`/assets/pdfjs-${pdfjsVersion}/`) },
  oxc: { jsx: { importSource: "preact" } },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8000,
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
    rollupOptions: {
      onLog: (level, log, tell) => log.code !== "MODULE_LEVEL_DIRECTIVE" && tell(level, log),
      input: { index: resolve(here, "index.html"), graphiql: resolve(here, "graphiql.html") },
    },
  },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true }, "/files": "http://127.0.0.1:8000" } },
});
