//! Announcements over gossipsub.

use libp2p::gossipsub::{
    self, ConfigBuilder, IdentTopic, Message, MessageAuthenticity, MessageId, PeerScoreParams,
    PeerScoreThresholds, PublishError, TopicScoreParams, ValidationMode,
};
use musig2_proto::Config;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

/// The most announcements that wait for a listener. Beyond that the oldest are dropped: the core
/// announces again.
const MAX_UNHEARD: usize = 64;
/// The most peers that announcements are relayed to at once.
const MESH: usize = 384;
/// The most bytes that the topic and framing add to the largest announcement.
const ENVELOPE: usize = 4096;

/// Publishes announcements. If nobody listens, keeps them until somebody does.
#[derive(Debug)]
pub(super) struct Announcements {
    topic: IdentTopic,
    ttl: Duration,
    unheard: VecDeque<(Instant, Vec<u8>)>,
}

impl Announcements {
    pub(super) fn new(config: &Config) -> Self {
        Self { topic: topic(config), ttl: config.announcement_ttl, unheard: VecDeque::new() }
    }

    pub(super) fn publish(&mut self, gossip: &mut gossipsub::Behaviour, announcement: Vec<u8>) {
        self.publish_made_at(Instant::now(), gossip, announcement);
    }

    /// Publishes again what nobody heard, because a peer has subscribed.
    pub(super) fn retry(&mut self, gossip: &mut gossipsub::Behaviour) {
        for (made, announcement) in std::mem::take(&mut self.unheard) {
            if made.elapsed() < self.ttl {
                self.publish_made_at(made, gossip, announcement);
            }
        }
    }

    fn publish_made_at(
        &mut self,
        made: Instant,
        gossip: &mut gossipsub::Behaviour,
        announcement: Vec<u8>,
    ) {
        match gossip.publish(self.topic.clone(), announcement.clone()) {
            Ok(_) | Err(PublishError::Duplicate) => {}
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {
                if self.unheard.len() == MAX_UNHEARD {
                    self.unheard.pop_front();
                }
                self.unheard.push_back((made, announcement));
            }
            Err(error) => {
                tracing::error!(%error, size = announcement.len(), "cannot publish an announcement");
            }
        }
    }
}

pub(super) fn gossipsub(
    config: &Config,
) -> Result<gossipsub::Behaviour, Box<dyn Error + Send + Sync>> {
    let lifetime = config.announcement_ttl + 2 * config.clock_skew;
    let settings = ConfigBuilder::default()
        // Announcements carry their own signatures. Another one around them would only reveal the
        // publisher.
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        // Identical bytes are one message, whoever relays them, so a replay is noticed for as long
        // as it could be believed.
        .message_id_fn(|message: &Message| MessageId::new(&Sha256::digest(&message.data)))
        .duplicate_cache_time(lifetime)
        .max_transmit_size(config.max_frame_size.saturating_add(ENVELOPE))
        // In a star, all leaves must be in the hub's mesh, or they would hear of a session a
        // heartbeat late, or never. The limit is about as many as a hub has connections. Nobody
        // asks for more than the usual six: if everyone were in everyone's mesh, each publication
        // would travel n² times.
        .mesh_n_high(MESH)
        .heartbeat_initial_delay(Duration::from_millis(100))
        .build()?;
    let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, settings)?;
    gossip.with_peer_score(score(config), PeerScoreThresholds::default())?;
    gossip.subscribe(&topic(config))?;
    Ok(gossip)
}

/// Silences a peer at its fourth bad announcement (4² · 6 > 80, the threshold); half of the count
/// is forgotten in about a minute. Nothing else counts against a peer: announcements are rare, so a
/// peer that delivered few may be honest, and several signers behind one address are not an attack.
fn score(config: &Config) -> PeerScoreParams {
    let of_topic = TopicScoreParams {
        topic_weight: 1.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        invalid_message_deliveries_weight: -6.0,
        invalid_message_deliveries_decay: 0.99,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        ip_colocation_factor_weight: 0.0,
        topics: [(topic(config).hash(), of_topic)].into(),
        ..PeerScoreParams::default()
    }
}

fn topic(config: &Config) -> IdentTopic {
    IdentTopic::new(config.announcement_topic.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gossipsub_settings_are_valid() {
        assert!(gossipsub(&Config::default()).is_ok());
    }

    #[test]
    fn unheard_announcements_are_kept_within_bounds() {
        let config = Config::default();
        let mut gossip = gossipsub(&config).unwrap();
        let mut announcements = Announcements::new(&config);
        for number in 0..=MAX_UNHEARD {
            announcements.publish(&mut gossip, number.to_be_bytes().to_vec());
        }
        assert_eq!(announcements.unheard.len(), MAX_UNHEARD);
        announcements.retry(&mut gossip);
        assert_eq!(announcements.unheard.len(), MAX_UNHEARD, "still nobody hears them");
    }
}
