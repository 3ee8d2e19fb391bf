//! Nodes that lose their memory, and come back without it.

use super::{OrderError, RunError, World};
use crate::application::Application;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::plan::{Crash, CrashMoment, Disk};
use crate::queue::Happening;
use crate::trace::Action;
use musig2_proto::Command;

impl<C: Engine> World<C> {
    /// Crashes a node now: its memory is gone, and what reaches it is lost until
    /// [`World::restart`]. Its application will find `disk` when it comes back. Has no effect if
    /// the node is not running.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn crash(&mut self, node: NodeId, disk: Disk) {
        let Some(running) = self.node(node) else { return };
        let expiries =
            running.sessions().map(|session| (session.id, session.manifest.expires_at())).collect();
        let now = self.now;
        let host = &mut self.hosts[node.as_usize()];
        host.application.crash(now, &expiries, disk);
        host.stop();
        self.watch.crashed(node);
        self.note(node, Action::Crashed { disk });
        self.lose_waiting(node);
    }

    /// Starts a crashed node again, with the same key. Its application tells it the contacts that
    /// are on its disk, resumes the sessions whose announcements are there, and says hello. Has no
    /// effect if the node is running.
    ///
    /// # Errors
    /// If the node does not accept its key or its own contact.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn restart(&mut self, node: NodeId) -> Result<(), RunError> {
        if self.node(node).is_some() {
            return Ok(());
        }
        let host = &mut self.hosts[node.as_usize()];
        let next = host.application.next_life();
        host.former.push(core::mem::replace(&mut host.application, next));
        self.start(node, Action::Restarted)?;
        let announcements = self.application(node).stored.announcements();
        let announcements: Vec<_> = announcements.into_values().map(<[u8]>::to_vec).collect();
        for announcement in announcements {
            // The session may be over, so a refusal is no error here. The application's notes and
            // the trace record it.
            let _ = self.order(node, Command::ResumeSession { announcement });
        }
        let hello = self.order(node, Command::SayHello);
        debug_assert!(
            !matches!(hello, Err(OrderError::Refused { .. })),
            "a running node always says hello: {hello:?}"
        );
        Ok(())
    }

    /// Returns what a node's application did and was told in each of its lives; the current or last
    /// life comes last.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn lives(&self, node: NodeId) -> impl Iterator<Item = &Application> {
        let host = &self.hosts[node.as_usize()];
        host.former.iter().chain([&host.application])
    }

    pub(super) fn crash_as_planned(&mut self, crash: Crash) {
        if self.node(crash.node).is_some() {
            self.crash(crash.node, crash.disk);
            self.queue.add(self.now + crash.down_for, Happening::Restart(crash.node));
        }
    }

    /// Counts an output of a node, and crashes the node if the plan says so. Returns whether it
    /// did.
    pub(super) fn crashes_after_output(&mut self, node: NodeId) -> bool {
        let host = &mut self.hosts[node.as_usize()];
        host.outputs += 1;
        let now = CrashMoment::AfterOutput(host.outputs);
        let crash =
            self.plan.crashes.iter().find(|crash| crash.node == node && crash.when == now).copied();
        if let Some(crash) = crash {
            self.crash_as_planned(crash);
        }
        crash.is_some()
    }
}
