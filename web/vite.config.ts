import locales from '@react-aria/optimize-locales-plugin'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const server = process.env['ROOMFUL_SERVER'] ?? 'http://127.0.0.1:7880'

export default defineConfig({
  // React Aria brings the words of some thirty languages; these are the ones the page is in.
  plugins: [react(), locales.vite({ locales: ['en-US', 'de-DE', 'zh-CN', 'ar-AE'] })],
  // Nothing is inlined: the page's Content-Security-Policy allows only its own files.
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // The relay client is also a file of its own, for pages without a build step: `import { Relay } from '/relay.js'`.
      // So is the games' client, `/game.js`.
      input: { app: 'index.html', relay: 'src/relay/index.ts', game: 'src/game/index.ts' },
      preserveEntrySignatures: 'allow-extension',
      output: { entryFileNames: ({ name }) => (name === 'relay' || name === 'game' ? `${name}.js` : 'assets/[name]-[hash].js') },
    },
  },
  server: {
    proxy: {
      '/api': { target: server },
      '/ca': { target: server },
      '/rtc': { target: server, ws: true },
      '/relay': { target: server, ws: true },
      '/ice-servers': { target: server },
      '/whip': { target: server },
      '/whep': { target: server },
    },
  },
  test: { environment: 'node', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
})
