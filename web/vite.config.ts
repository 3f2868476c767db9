import { defineConfig } from 'vite';
import { svelte } from '@sveltejs/vite-plugin-svelte';

// The page's Content-Security-Policy allows nothing inline and nothing from elsewhere, so every
// asset stays a file of its own: nothing is inlined as data, no polyfill is injected.
export default defineConfig({
  plugins: [svelte({ configFile: false, compilerOptions: { css: 'external' } })],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
