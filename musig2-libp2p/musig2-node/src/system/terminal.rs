//! Asks for a secret on the terminal, and leaves the terminal as it was, even if a signal ends or
//! stops the command meanwhile.

#[cfg(unix)]
pub(crate) use self::unix::{ask, discard_typed, handles, is_ignored};
#[cfg(not(unix))]
pub(crate) use rpassword::prompt_password as ask;

#[cfg(unix)]
mod unix {
    use rustix::termios::{
        LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
    };
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;
    use std::fs::{File, OpenOptions};
    use std::io::{self, Read, Write};
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use zeroize::Zeroizing;

    /// The signals that end or stop a command, unless the command handles them.
    const SIGNALS: [i32; 5] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP];
    /// The longest line that a terminal delivers, in bytes.
    const LONGEST: usize = 4096;

    /// State shared by the asking thread and the one that takes signals.
    static STATE: Mutex<State> =
        Mutex::new(State { asked: None, is_watched: false, handled: Vec::new() });

    struct State {
        asked: Option<Asked>,
        is_watched: bool,
        /// Signals that other code handles, except during a prompt.
        handled: Vec<i32>,
    }

    /// A prompt.
    struct Asked {
        terminal: File,
        before: Termios,
        prompt: String,
    }

    /// Asks for a line, which is not echoed while it is typed. Characters typed before the prompt
    /// are not part of it.
    pub(crate) fn ask(prompt: &str) -> io::Result<String> {
        watch()?;
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let asked = Asked {
            terminal: terminal.try_clone()?,
            before: tcgetattr(&terminal)?,
            prompt: prompt.into(),
        };
        // Store the terminal's state before showing the prompt: from then on there is something to
        // restore.
        let shown = state().asked.insert(asked).show();
        let line = shown.and_then(|()| read_line(&mut terminal));
        if let Some(asked) = state().asked.take() {
            asked.restore();
        }
        // Stands in for the newline that was typed but not echoed.
        terminal.write_all(b"\n")?;
        line
    }

    /// Discards what was typed on standard input before anybody asked.
    pub(crate) fn discard_typed() {
        // This fails if standard input is not a terminal; then there is nothing to discard.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    }

    /// Notes that other code handles this signal from now on.
    pub(crate) fn handles(signal: i32) {
        state().handled.push(signal);
    }

    impl Asked {
        fn show(&self) -> io::Result<()> {
            let mut hidden = self.before.clone();
            hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
            tcsetattr(&self.terminal, OptionalActions::Flush, &hidden)?;
            (&self.terminal).write_all(self.prompt.as_bytes())
        }

        fn restore(&self) {
            // This fails if the terminal is gone; then there is nothing to restore.
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
        }
    }

    /// Starts the thread that takes signals. Signal handlers cannot be removed, so the thread
    /// stays, too.
    fn watch() -> io::Result<()> {
        if std::mem::replace(&mut state().is_watched, true) {
            return Ok(());
        }
        let mut signals = Signals::new(SIGNALS.iter().filter(|signal| !is_ignored(**signal)))?;
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let state = state();
                if let Some(asked) = &state.asked {
                    asked.restore();
                } else if state.handled.contains(&signal) {
                    continue;
                }
                // Ends the process, or stops it until it is continued.
                let _ = emulate_default_handler(signal);
                if let Some(asked) = &state.asked {
                    let _ = asked.show();
                }
            }
        });
        Ok(())
    }

    /// Returns whether this command was started with a signal ignored, as `nohup` does; it keeps
    /// ignoring that signal. Only Linux tells.
    pub(crate) fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask =
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        mask >> (signal - 1) & 1 != 0
    }

    fn read_line(terminal: &mut File) -> io::Result<String> {
        // Allocate enough for the longest line: a vector that grows leaves its old contents in
        // memory.
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
        let mut byte = Zeroizing::new([0]);
        while line.len() < LONGEST {
            match terminal.read(byte.as_mut_slice()) {
                Ok(0) if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => break,
                Ok(_) if *byte == *b"\n" => break,
                Ok(_) => line.push(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match std::str::from_utf8(&line) {
            Ok(text) => Ok(text.into()),
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the typed text is not UTF-8"))
            }
        }
    }

    fn state() -> MutexGuard<'static, State> {
        STATE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
