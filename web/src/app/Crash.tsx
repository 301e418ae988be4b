/** What is shown when rendering throws: words and a way on, never a blank page. */

import { Component, type ReactNode } from 'react'
import { useT } from '../i18n'
import { Message } from '../ui/Message'

export class Crash extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true }
  }

  override render(): ReactNode {
    return this.state.failed ? <Broken /> : this.props.children
  }
}

function Broken(): ReactNode {
  const t = useT()
  return <Message title={t.crash.title} text={t.crash.text} icon="warning" primary={{ label: t.crash.reload, act: () => location.reload() }} />
}
