/// <reference types="vitest/config" />
import { defineConfig } from "vite";
import { land } from "./land.ts";

// The pages are served from whatever path a server has for them (`/`, `/_utils/`), so all addresses in them
// are relative. What is built lands in the Python package.
export default defineConfig({
  base: "./",
  logLevel: "warn",
  plugins: [land()],
  build: {
    outDir: "../src/couchgrass/pages/dashboard",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      // What several pages share comes with the first page: many small files cost more than they spare.
      output: { codeSplitting: { groups: [{ name: "common", test: /node_modules\/(preact|@preact)\/|\/web\/src\/(ui|api|style)\/|\/web\/src\/[^/]+$|preload-helper/, minShareCount: 2 }] } },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
