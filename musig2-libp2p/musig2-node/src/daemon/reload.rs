//! Reads the policy and the labels again while a daemon runs: at SIGHUP, or when asked over its
//! socket. Sessions that it has joined continue.

use super::ready;
use crate::approval::Approver;
use crate::approval::told::Told;
use crate::config::Settings;
use crate::console::Console;
use crate::failure::Failure;
use crate::model::labels::Labels;
use crate::model::steps::{Reloaded, Step};
use crate::node::RunningNode;
use crate::node::roster::Roster;
use crate::system::terminal;
use crate::text::hint;
use crate::text::time::{date, now_ms};
use musig2_libp2p::Handle;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, mpsc, watch};

/// Listens for SIGHUP, which no longer ends the process from then on. `None` if the signal was
/// ignored from the start, as under `nohup`: closing a terminal is not an order to read a policy
/// that may be half written.
#[derive(Debug)]
pub(crate) struct Hangups(Option<Signal>);

/// Which policy applies.
#[derive(Debug, Clone)]
pub(crate) struct Holds {
    /// The key that the policy lacks, without which it allows nothing.
    pub(crate) signs_nothing: Option<&'static str>,
    /// When it was read, in UTC (RFC 3339).
    pub(crate) read_at: String,
}

/// Reads the configuration again. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reloader {
    file: PathBuf,
    program: Option<OsString>,
    /// The settings that the daemon started with.
    started: Arc<Settings>,
    handle: Handle,
    labels: Labels,
    roster: Roster,
    told: Told,
    console: Console,
    holds: watch::Sender<Holds>,
    /// Sends new approvers to the cosigner. The lock lets only one reload run at a time.
    approvers: Arc<Mutex<mpsc::Sender<Approver>>>,
}

impl Hangups {
    /// Starts listening for the signal. `socket`: where this daemon can be asked to do the same.
    pub(crate) fn new(socket: &Path) -> io::Result<Self> {
        let hangup = SignalKind::hangup();
        if terminal::is_ignored(hangup.as_raw_value()) {
            tracing::info!(
                "SIGHUP is ignored, because it was ignored when this daemon started: reload the policy with `{}`",
                hint::command("reload", socket)
            );
            return Ok(Self(None));
        }
        terminal::handles(hangup.as_raw_value());
        Ok(Self(Some(signal(hangup)?)))
    }
}

impl Holds {
    /// These settings apply from now on.
    fn by(settings: &Settings) -> Self {
        Self { signs_nothing: settings.policy.missing(), read_at: date(now_ms()) }
    }
}

impl Reloader {
    /// Makes the reloader of a daemon that starts with these settings, read from this file. New
    /// approvers go through the returned channel.
    pub(crate) fn new(
        file: PathBuf,
        program: Option<OsString>,
        settings: &Settings,
        network: &RunningNode,
        console: &Console,
    ) -> (Self, mpsc::Receiver<Approver>) {
        let (approvers, replaced) = mpsc::channel(1);
        let reloader = Self {
            file,
            program,
            started: Arc::new(settings.clone()),
            handle: network.handle.clone(),
            labels: network.labels.clone(),
            roster: network.roster.clone(),
            told: network.told.clone(),
            console: console.clone(),
            holds: watch::Sender::new(Holds::by(settings)),
            approvers: Arc::new(Mutex::new(approvers)),
        };
        (reloader, replaced)
    }

    /// Returns which policy applies now.
    pub(crate) fn holds(&self) -> Holds {
        self.holds.borrow().clone()
    }

    /// Reloads at each signal.
    pub(crate) async fn serve(self, mut hangups: Hangups) -> Result<(), Failure> {
        while let Some(signal) = &mut hangups.0
            && signal.recv().await.is_some()
        {
            if let Err(failure) = self.reload().await {
                let error = failure.to_string();
                tracing::error!(error, "cannot reload the policy: the previous one stays in force");
                self.console.step(None, &Step::NotReloaded { error })?;
            }
        }
        std::future::pending().await
    }

    /// Reads the policy and the labels again. If anything is wrong, what was read before still
    /// applies.
    pub(crate) async fn reload(&self) -> Result<Reloaded, Failure> {
        let approvers = self.approvers.lock().await;
        let (file, program) = (self.file.clone(), self.program.clone());
        let read =
            tokio::task::spawn_blocking(move || ready::read_settings(&file, program.as_deref()));
        let (settings, approver) =
            read.await.map_err(|error| Failure::Runtime(io::Error::other(error)))??;
        self.handle.public_keys().iter().try_for_each(|own| approver.check_signer(own))?;

        let reloaded = Reloaded {
            notes: settings.notes(),
            needs_restart: settings.differs_in(&self.started).into_iter().map(Into::into).collect(),
        };
        for note in &reloaded.notes {
            tracing::warn!("the configuration: {note}");
        }
        if !reloaded.needs_restart.is_empty() {
            tracing::warn!(changed = ?reloaded.needs_restart, "these settings have changed too, and apply only after a restart");
        }
        self.roster.expect(&self.handle, settings.co_signers()).await?;
        self.holds.send_replace(Holds::by(&settings));
        self.labels.replace(settings.signers);
        self.told.replace(approver.partners());
        // Sending fails only if the daemon is stopping.
        let _ = approvers.send(approver).await;
        tracing::info!("reloaded the policy and the labels");
        self.console.step(None, &Step::Reloaded(reloaded.clone()))?;
        Ok(reloaded)
    }
}
