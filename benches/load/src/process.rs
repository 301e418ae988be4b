//! What the kernel says of the server's process.

use std::fs;

/// CPU seconds, kernel and user together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Of all threads that live now.
    pub all: f64,
    /// Of those that forward media, where they can be told by their names.
    pub media: f64,
}

impl Cpu {
    pub fn since(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            media: self.media - before.media,
        }
    }
}

/// What a process has used, thread by thread: `schedstat` counts in nanoseconds where `stat` counts in hundredths. Threads that end
/// within a window are not counted; a media server's live as long as it does.
pub fn cpu(pid: u32) -> Option<Cpu> {
    let mut cpu = Cpu::default();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name));
        let (Ok(stat), Ok(name)) = (read("schedstat"), read("comm")) else {
            continue;
        };
        let nanos: f64 = stat.split_whitespace().next()?.parse().ok()?;
        cpu.all += nanos / 1e9;
        if name.starts_with("roomful-media") {
            cpu.media += nanos / 1e9;
        }
    }
    Some(cpu)
}

/// Resident bytes of a process.
pub fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}
