//! Who may have a token of a sandbox, and for what. It follows from the seed unless it is given; it protects nothing.

use fastrand::Rng;

use crate::options::SandboxOptions;
use crate::tokens::Scopes;

/// The one client and the one access key.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) access_key_id: String,
    pub(crate) access_key_secret: String,
    pub(crate) scopes: Scopes,
}

impl Credentials {
    /// Those of the options, and for the rest the `client` that the profile made and a key of this sandbox's own.
    pub(crate) fn new(client: (String, String), options: &SandboxOptions, random: &mut Rng) -> Self {
        let (key_id, key_secret) = (access_key(random), access_key(random));
        let given = |told: &Option<String>, made: String| told.clone().unwrap_or(made);
        Credentials {
            client_id: given(&options.client_id, client.0),
            client_secret: given(&options.client_secret, client.1),
            access_key_id: given(&options.access_key_id, key_id),
            access_key_secret: given(&options.access_key_secret, key_secret),
            scopes: Scopes::parse(options.scopes.iter().map(String::as_str)).unwrap_or_default(),
        }
    }
}

/// One half of an access key: 32 bytes in Base32, whose padding `====` a form must percent-encode.
fn access_key(random: &mut Rng) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut letter = || char::from(random.choice(LETTERS).copied().unwrap_or(b'A'));
    let mut key: String = (0..51).map(|_| letter()).collect();
    // The last letter holds one bit.
    key.push(if random.bool() { 'A' } else { 'Q' });
    key.push_str("====");
    key
}
