//! Where a peer can be reached, in the form in which signers tell each other.

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use musig2_proto::Contact;

const VERSION: u8 = 1;

/// A peer id with addresses: what a [`Contact`] means on libp2p.
///
/// Encoded, it takes at most [`Contact::MAX_SIZE`] (512) bytes:
///
/// | bytes | what |
/// |---|---|
/// | 1 | the version, 1 |
/// | 1 | the length of the peer id |
/// | that many | the peer id (a multihash) |
/// | then, up to 8 times, to the end: | |
/// | 1 | the length of an address |
/// | that many | the address (a multiaddr), without `/p2p/…` |
///
/// Addresses that do not fit are left out. A signer's signature does not make an address true: the
/// address is only dialled, and whatever answers there must prove that it has the peer id.
///
/// ```
/// use musig2_libp2p::{PeerContact, libp2p::PeerId};
///
/// let contact = PeerContact::new(PeerId::random(), ["/ip4/192.0.2.1/tcp/4001".parse()?]);
/// assert_eq!(PeerContact::decode(&contact.encode())?, contact);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerContact {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
}

/// Why bytes are not a [`PeerContact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContactError {
    /// The encoding has another version.
    #[error("contact encoding version {0}; this node knows only version {VERSION}")]
    Version(u8),
    /// The bytes end too early, or there are none.
    #[error("the contact is truncated")]
    Truncated,
    /// There are more than [`PeerContact::MAX_ADDRESSES`] addresses.
    #[error("the contact has more than {} addresses", PeerContact::MAX_ADDRESSES)]
    TooManyAddresses,
    /// The peer id is not a multihash of a public key.
    #[error("the contact's peer id is malformed")]
    PeerId,
    /// An address is not a multiaddr.
    #[error("an address of the contact is malformed")]
    Address,
}

impl PeerContact {
    /// The most addresses in a contact.
    pub const MAX_ADDRESSES: usize = 8;

    /// Makes the contact of a peer that is reached at these addresses, best ones first.
    ///
    /// A `/p2p/…` at the end of an address is removed. Addresses beyond the limit on their number
    /// are left out, and so are those too long to fit.
    pub fn new(peer: PeerId, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        let mut room = Contact::MAX_SIZE - 2 - peer.as_ref().encoded_len();
        let mut contact = Self { peer, addresses: Vec::new() };
        for address in addresses {
            let address = without_peer_id(address);
            let size = 1 + address.len();
            let fits = size <= room && u8::try_from(address.len()).is_ok() && !address.is_empty();
            if fits
                && contact.addresses.len() < Self::MAX_ADDRESSES
                && !contact.addresses.contains(&address)
            {
                room -= size;
                contact.addresses.push(address);
            }
        }
        contact
    }

    /// The peer.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Its addresses, best ones first; empty if the peer only dials.
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// Encodes it as the core carries it.
    pub fn encode(&self) -> Contact {
        let mut bytes = vec![VERSION];
        push_with_length(&mut bytes, &self.peer.to_bytes());
        for address in &self.addresses {
            push_with_length(&mut bytes, address.as_ref());
        }
        Contact::new(bytes).expect("`new` and `decode` keep a contact within its size")
    }

    /// Decodes what the core carries. The bytes come from another signer and may be anything.
    ///
    /// # Errors
    /// If they are not a contact of this version.
    pub fn decode(contact: &Contact) -> Result<Self, ContactError> {
        let (version, mut rest) =
            contact.as_bytes().split_first().ok_or(ContactError::Truncated)?;
        if *version != VERSION {
            return Err(ContactError::Version(*version));
        }
        let peer =
            PeerId::from_bytes(take_with_length(&mut rest)?).map_err(|_| ContactError::PeerId)?;
        let mut addresses = Vec::new();
        while !rest.is_empty() {
            if addresses.len() == Self::MAX_ADDRESSES {
                return Err(ContactError::TooManyAddresses);
            }
            let address = Multiaddr::try_from(take_with_length(&mut rest)?.to_vec());
            addresses.push(address.map_err(|_| ContactError::Address)?);
        }
        Ok(Self { peer, addresses })
    }
}

pub(crate) fn without_peer_id(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

fn push_with_length(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.push(
        u8::try_from(part.len())
            .expect("peer ids have at most 66 bytes, and longer addresses are left out"),
    );
    bytes.extend_from_slice(part);
}

fn take_with_length<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], ContactError> {
    let (length, rest) = bytes.split_first().ok_or(ContactError::Truncated)?;
    let (part, rest) =
        rest.split_at_checked(usize::from(*length)).ok_or(ContactError::Truncated)?;
    *bytes = rest;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(bytes: &[u8]) -> Contact {
        Contact::new(bytes.to_vec()).unwrap()
    }

    #[test]
    fn addresses_that_do_not_fit_a_contact_are_left_out() {
        let long: Multiaddr =
            format!("/dns4/{}.example/tcp/4001", "x".repeat(120)).parse().unwrap();
        let peer = PeerId::random();
        let addresses = (0..20).map(|port| {
            if port % 2 == 0 {
                long.clone().with(Protocol::Tcp(port))
            } else {
                Multiaddr::empty().with(Protocol::Tcp(port))
            }
        });
        let contact = PeerContact::new(peer, addresses);
        assert_eq!(contact.addresses().len(), PeerContact::MAX_ADDRESSES);
        assert!(contact.encode().as_bytes().len() <= Contact::MAX_SIZE);
        assert_eq!(PeerContact::decode(&contact.encode()), Ok(contact));
    }

    #[test]
    fn a_peer_id_at_the_end_of_an_address_is_removed() {
        let peer = PeerId::random();
        let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        let contact =
            PeerContact::new(peer, [address.clone().with(Protocol::P2p(peer)), address.clone()]);
        assert_eq!(contact.addresses(), [address]);
    }

    #[test]
    fn a_malformed_contact_is_an_error() {
        let good =
            PeerContact::new(PeerId::random(), ["/ip4/192.0.2.1/tcp/1".parse().unwrap()]).encode();
        for end in 0..good.as_bytes().len() {
            let cut = PeerContact::decode(&contact(&good.as_bytes()[..end]));
            assert!(cut.is_err() || cut.is_ok_and(|cut| cut.addresses().is_empty()));
        }
        assert_eq!(PeerContact::decode(&contact(&[9])), Err(ContactError::Version(9)));
        assert_eq!(PeerContact::decode(&contact(&[1, 2, 0, 0xff])), Err(ContactError::PeerId));
        let mut many = good.as_bytes().to_vec();
        for _ in 0..PeerContact::MAX_ADDRESSES {
            many.extend([3, 6, 0, 1]);
        }
        assert_eq!(PeerContact::decode(&contact(&many)), Err(ContactError::TooManyAddresses));
        many.truncate(many.len() - 4);
        many.extend([2, 0xff, 0xff]);
        assert!(PeerContact::decode(&contact(&many)).is_err());
    }
}
