/** Serves the stories: every screen of the room with invented people, for looking at. No part of the build. */

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({ root: import.meta.dirname, plugins: [react()], server: { port: 5180, fs: { allow: ['..'] } } })
