//! Checks the settings of a node.

use super::addresses::{Reach, is_relayed};
use super::config::NodeConfig;
use libp2p::Multiaddr;

const MAX_LISTEN: usize = 64;
const MAX_BOOTSTRAP_PEERS: usize = 256;

/// A setting of [`NodeConfig`] that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` must be {must}, but is {is}")]
pub struct SettingError {
    key: &'static str,
    must: String,
    is: String,
}

impl NodeConfig {
    /// Checks that every setting makes sense, except [`protocol`](Self::protocol), which has its
    /// own check.
    ///
    /// # Errors
    /// Names the setting, what it must be, and what it is.
    pub fn check(&self) -> Result<(), SettingError> {
        within("listen", self.listen.len(), 0, MAX_LISTEN, " addresses")?;
        within("external_addresses", self.external_addresses.len(), 0, MAX_LISTEN, " addresses")?;
        within(
            "bootstrap_peers",
            self.bootstrap_peers.len(),
            0,
            MAX_BOOTSTRAP_PEERS,
            " addresses",
        )?;
        within("event_capacity", self.event_capacity, 1, 1 << 20, "")?;
        within("max_connections", self.max_connections, Self::MIN_CONNECTIONS, 1 << 16, "")?;
        within("frames.queued_frames", self.frames.queued_frames, 1, 1 << 20, "")?;
        within("frames.frames_per_second", self.frames.frames_per_second, 1, u32::MAX, "")?;
        within("frames.bytes_per_second", self.frames.bytes_per_second, 1, u32::MAX, "")?;
        if let Some(address) = self.listen.iter().find(|address| is_relayed(address)) {
            return Err(SettingError {
                key: "listen",
                must: "an address of this host (to be reached through a relay, add the relay to `bootstrap_peers`)"
                    .into(),
                is: address.to_string(),
            });
        }
        let of_others = [
            ("bootstrap_peers", &self.bootstrap_peers),
            ("external_addresses", &self.external_addresses),
        ];
        for (key, addresses) in of_others {
            if let Some(address) = addresses.iter().find(|address| !can_be_dialled(address)) {
                return Err(SettingError {
                    key,
                    must: "of the form /ip4/…/tcp/… or /ip4/…/udp/…/quic-v1 (or /ip6/…, /dns4/…, /dns6/…, /dns/…), or /dnsaddr/NAME".into(),
                    is: address.to_string(),
                });
            }
        }
        let near =
            |address: &&Multiaddr| Reach::of(address).is_some_and(|reach| reach < Reach::World);
        if let Some(address) =
            self.bootstrap_peers.iter().find(near).filter(|_| !self.dials_private())
        {
            return Err(SettingError {
                key: "dial_private",
                must: format!("`true`, because the bootstrap peer {address} has a private address"),
                is: "`false`".into(),
            });
        }
        Ok(())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    is: T,
    least: T,
    most: T,
    what: &str,
) -> Result<(), SettingError> {
    if is >= least && is <= most {
        return Ok(());
    }
    Err(SettingError { key, must: format!("{least} to {most}{what}"), is: is.to_string() })
}

fn can_be_dialled(address: &Multiaddr) -> bool {
    Reach::of(address).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FrameLimits;

    fn refused(config: &NodeConfig) -> String {
        config.check().unwrap_err().to_string()
    }

    fn address(text: &str) -> [Multiaddr; 1] {
        [text.parse().unwrap()]
    }

    #[test]
    fn an_invalid_setting_is_named_with_what_to_do() {
        let config = NodeConfig::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(
            refused(&config.clone().with_max_connections(1)),
            "`max_connections` must be 8 to 65536, but is 1"
        );
        assert_eq!(
            refused(&config.clone().with_event_capacity(0)),
            "`event_capacity` must be 1 to 1048576, but is 0"
        );
        assert!(
            refused(&config.clone().with_listen(vec![Multiaddr::empty(); 65]))
                .starts_with("`listen` must be 0 to 64 addresses")
        );
        let frames = FrameLimits::default().with_queued_frames(0);
        assert!(refused(&config.with_frames(frames)).starts_with("`frames.queued_frames`"));
    }

    #[test]
    fn an_address_that_can_never_be_dialled_is_refused_at_the_start() {
        for good in [
            "/ip4/192.0.2.1/tcp/4001",
            "/dns4/signer.example/tcp/4001",
            "/ip6/2001:db8::1/udp/4001/quic-v1",
            "/dnsaddr/signer.example",
        ] {
            assert_eq!(
                NodeConfig::default().with_bootstrap_peers(address(good)).check(),
                Ok(()),
                "{good}"
            );
        }
        for bad in
            ["/ip4/192.0.2.1", "/ip4/192.0.2.1/udp/4001", "/ip4/0.0.0.0/tcp/4001", "/memory/1"]
        {
            let error = refused(&NodeConfig::default().with_bootstrap_peers(address(bad)));
            assert!(error.starts_with("`bootstrap_peers`") && error.ends_with(bad), "{error}");
            assert!(
                refused(&NodeConfig::default().with_external_addresses(address(bad)))
                    .ends_with(bad)
            );
        }
    }

    #[test]
    fn a_bootstrap_peer_that_may_not_be_dialled_is_refused_at_the_start() {
        let config = NodeConfig::default().with_bootstrap_peers(address("/ip4/10.0.0.1/tcp/4001"));
        assert_eq!(config.check(), Ok(()));
        assert_eq!(
            refused(&config.with_dial_private(Some(false))),
            "`dial_private` must be `true`, because the bootstrap peer /ip4/10.0.0.1/tcp/4001 has a private address, but is `false`"
        );
    }

    #[test]
    fn a_relayed_address_cannot_be_listened_on() {
        let peer = libp2p::PeerId::random();
        let relayed = format!("/ip4/192.0.2.1/tcp/1/p2p/{peer}/p2p-circuit");
        assert!(
            refused(&NodeConfig::default().with_listen(address(&relayed)))
                .contains("`bootstrap_peers`")
        );
    }
}
