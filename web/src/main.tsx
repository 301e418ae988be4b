/** Starts the app. */

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { keepHostKey } from './app/navigation'
import './ui/styles.css'

keepHostKey()
// Says that the server cannot be reached, when it cannot; secure pages have it.
if ('serviceWorker' in navigator && window.isSecureContext) void navigator.serviceWorker.register('/worker.js').catch(() => undefined)
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
