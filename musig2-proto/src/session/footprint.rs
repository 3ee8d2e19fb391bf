//! How much memory values take. Bounds are measured by this and not by encoded sizes: what is
//! encoded in two bytes may take 64 of them once it is decoded.

use crate::api::abort::AbortCause;
use crate::base::bounded::{Bytes, List};
use crate::base::bytes::{
    AggregateNonce, PartialSignature, PublicKey, PublicNonce, Signature, XOnlyPublicKey,
};
use crate::base::ids::{Boot, Contact, Source};
use crate::crypto::PlainTweak;
use crate::rules::agreement::OutputKey;
use crate::session::board::Filed;
use crate::terms::item::Item;
use crate::terms::manifest::Manifest;
use crate::terms::tweak::Tweak;
use crate::wire::announcement::{Announcement, AnnouncementContent, KnownContact};
use crate::wire::bitmap::Bitmap;
use crate::wire::frame::{Frame, Have};
use crate::wire::proof::{Evidence, Proof, Restarted, Signed};
use crate::wire::statement::{
    Abort, AbortReason, Body, Join, NonceSource, Nonces, Note, Partials, Statement,
};
use std::sync::Arc;

/// The most that an allocator adds to each block.
const BLOCK_OVERHEAD: usize = 16;

/// The two counters of an [`Arc`].
const ARC_OVERHEAD: usize = 16;

/// A value's memory on the heap.
pub(crate) trait Heap {
    /// Returns the bytes on the heap, without the value itself.
    fn heap(&self) -> usize;
}

/// Returns the bytes that a block of this size takes.
pub(crate) const fn block(size: usize) -> usize {
    if size == 0 { 0 } else { size + BLOCK_OVERHEAD }
}

macro_rules! flat {
    ($($type:ty)*) => {
        $(impl Heap for $type {
            fn heap(&self) -> usize {
                0
            }
        })*
    };
}

flat!(u32 Boot PublicKey XOnlyPublicKey PublicNonce AggregateNonce PartialSignature Signature PlainTweak);

impl<T: Heap> Heap for Vec<T> {
    fn heap(&self) -> usize {
        block(self.capacity() * size_of::<T>()) + self.iter().map(Heap::heap).sum::<usize>()
    }
}

impl<T: Heap> Heap for Option<T> {
    fn heap(&self) -> usize {
        self.as_ref().map_or(0, Heap::heap)
    }
}

impl<T: Heap> Heap for Box<T> {
    fn heap(&self) -> usize {
        block(size_of::<T>()) + self.as_ref().heap()
    }
}

impl<T: Heap> Heap for Arc<[T]> {
    fn heap(&self) -> usize {
        block(ARC_OVERHEAD + size_of_val(self.as_ref()))
            + self.iter().map(Heap::heap).sum::<usize>()
    }
}

/// Counts all of the shared value, as if nobody else shared it.
impl<T: Heap> Heap for Arc<T> {
    fn heap(&self) -> usize {
        block(ARC_OVERHEAD + size_of::<T>()) + self.as_ref().heap()
    }
}

impl<T: Heap, const MAX: usize> Heap for List<T, MAX> {
    fn heap(&self) -> usize {
        block(self.capacity() * size_of::<T>()) + self.iter().map(Heap::heap).sum::<usize>()
    }
}

impl<const MAX: usize> Heap for Bytes<MAX> {
    fn heap(&self) -> usize {
        block(self.capacity())
    }
}

impl Heap for Contact {
    fn heap(&self) -> usize {
        block(self.as_bytes().len())
    }
}

impl Heap for Source {
    fn heap(&self) -> usize {
        block(self.as_bytes().len())
    }
}

impl Heap for Bitmap {
    fn heap(&self) -> usize {
        block(self.size())
    }
}

impl Heap for Note {
    fn heap(&self) -> usize {
        block(self.as_str().len())
    }
}

impl Heap for Manifest {
    fn heap(&self) -> usize {
        self.signers.heap() + self.identities.heap() + self.items.heap() + self.memo.heap()
    }
}

impl Heap for Item {
    fn heap(&self) -> usize {
        self.tweaks.heap()
    }
}

impl Heap for Tweak {
    fn heap(&self) -> usize {
        match self {
            Self::Bip32 { path, .. } => path.heap(),
            Self::Taproot { .. } | Self::Raw(_) => 0,
        }
    }
}

impl Heap for OutputKey {
    fn heap(&self) -> usize {
        self.tweaks.heap()
    }
}

impl Heap for Announcement {
    fn heap(&self) -> usize {
        self.content.heap()
    }
}

impl Heap for AnnouncementContent {
    fn heap(&self) -> usize {
        self.manifest.heap() + self.contacts.heap()
    }
}

impl Heap for KnownContact {
    fn heap(&self) -> usize {
        self.contact.heap()
    }
}

impl Heap for Filed {
    fn heap(&self) -> usize {
        self.statement.heap()
    }
}

impl Heap for Statement {
    fn heap(&self) -> usize {
        match &self.body {
            Body::Join(join) => join.heap(),
            Body::Nonces(nonces) => nonces.heap(),
            Body::Partials(partials) => partials.heap(),
            Body::Abort(abort) => abort.heap(),
            Body::Decline(_) => 0,
        }
    }
}

impl Heap for Join {
    fn heap(&self) -> usize {
        self.contact.heap()
    }
}

impl Heap for Nonces {
    fn heap(&self) -> usize {
        let NonceSource::Inline(nonces) = &self.source;
        nonces.heap()
    }
}

impl Heap for Partials {
    fn heap(&self) -> usize {
        self.partials.heap()
    }
}

impl Heap for Abort {
    fn heap(&self) -> usize {
        self.reason.heap() + self.proof.heap()
    }
}

impl Heap for AbortReason {
    fn heap(&self) -> usize {
        match self {
            Self::Requested(note) => note.heap(),
            Self::Convicted | Self::Declined { .. } | Self::TimedOut => 0,
        }
    }
}

impl<T: Heap> Heap for Signed<T> {
    fn heap(&self) -> usize {
        self.content.heap()
    }
}

impl Heap for Proof {
    fn heap(&self) -> usize {
        match self {
            Self::EquivocatingNonces { first, second } => first.heap() + second.heap(),
            Self::EquivocatingPartials { first, second } => first.heap() + second.heap(),
            Self::InvalidNonce { nonces } => nonces.heap(),
            Self::InvalidPartialSignature { nonces, partials, aggregates, .. } => {
                nonces.heap() + partials.heap() + aggregates.heap()
            }
            Self::ConcurrentInstances { first, second, restarted } => {
                first.heap() + second.heap() + restarted.heap()
            }
            Self::RestartLimit { joins } => joins.heap(),
        }
    }
}

impl Heap for Restarted {
    fn heap(&self) -> usize {
        self.boots.heap()
    }
}

impl Heap for Evidence {
    fn heap(&self) -> usize {
        self.manifest.heap() + self.proof.heap()
    }
}

impl Heap for AbortCause {
    fn heap(&self) -> usize {
        match self {
            Self::BySigner { reason, .. } => reason.heap(),
            Self::TimedOut { awaiting, .. } | Self::Expired { awaiting } => {
                block(size_of_val(awaiting.as_slice()))
            }
            Self::Convicted { evidence, .. } => evidence.heap(),
            Self::Declined | Self::MadeRoom | Self::SignerDeclined { .. } | Self::RivalInstance => {
                0
            }
        }
    }
}

impl Heap for Have {
    fn heap(&self) -> usize {
        [&self.joins, &self.nonces, &self.partials, &self.reach].into_iter().map(Heap::heap).sum()
    }
}

impl Heap for Frame {
    fn heap(&self) -> usize {
        self.have.heap()
            + self.announcement.heap()
            + self.statements.heap()
            + self.signatures.heap()
    }
}
