/// <reference types="vitest/config" />
import { defineConfig } from "vite";
import { land } from "./land.ts";

// What pages share comes in two files, and all styles in one: many small ones compress badly, and each is one more to
// wait for.
const SHARED = [
  { name: "common", test: /node_modules\/@?preact\/|\/web\/src\/(ui|api|style)\/|\/web\/src\/[^/]+$|preload-helper/, minShareCount: 2 },
  { name: "site", test: /\/web\/src\/site\//, minShareCount: 2 },
];

// The pages are served from whatever path a server has for them (`/`, `/_utils/`), so all addresses in them
// are relative. What is built lands in the Python package.
export default defineConfig({
  base: "./",
  logLevel: "warn",
  plugins: [land()],
  // Children as arguments make shorter calls than as a property.
  oxc: { jsx: { runtime: "classic", pragma: "h", pragmaFrag: "Fragment" }, jsxInject: `import { h, Fragment } from "preact"` },
  build: {
    outDir: "../src/couchgrass/pages/dashboard",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: true,
    rolldownOptions: { output: { codeSplitting: { groups: SHARED } } },
  },
  // What is tested is pure and keeps nothing, so all files can share a process. A machine may do much else.
  test: { include: ["src/**/*.test.ts"], isolate: false, testTimeout: 60_000, hookTimeout: 60_000 },
});
