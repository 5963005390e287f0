package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kindred/store"
)

// Scopes of a key.
const (
	ScopeRead  = "read"  // recommendations, similar, popular; one item or user
	ScopeWrite = "write" // events, items, users
	ScopeAdmin = "admin" // everything
)

const (
	keyPrefix = "kd_" // makes a leaked key findable by secret scanners
	keyBytes  = 32

	// keysFresh is how long a revoked key may still be honoured, and
	// keysRetry how long a new one may be unknown: another process may
	// change keys at any time, and asking the store for each request would
	// cost more than the request.
	keysFresh = time.Second
	keysRetry = 50 * time.Millisecond
)

// GenerateKey makes a key. Only the hash of the secret is kept; whoever gets
// the secret must be told that it is shown this once. A fast hash is enough,
// the secret being 256 random bits rather than a password.
func GenerateKey(name string, scopes []string) (secret string, key store.Key) {
	random := make([]byte, keyBytes)
	rand.Read(random) // never fails: crypto/rand ends the process instead
	secret = keyPrefix + hex.EncodeToString(random)
	return secret, store.Key{
		Hash: sha256.Sum256([]byte(secret)), Name: name,
		Scopes: slices.Clone(scopes), CreatedAt: time.Now().UTC(),
	}
}

// Keys is where the hashes of keys are kept.
type Keys interface {
	Keys(ctx context.Context) ([]store.Key, error)
}

// keyring finds a key by its secret, from a copy of the stored keys. Looking
// up the hash leaks no time about the secret: who learns bits of a SHA-256
// value is no nearer to a text that has it.
type keyring struct {
	keys  Keys
	now   func() time.Time
	known atomic.Pointer[knownKeys]
	mu    sync.Mutex // held while reading the keys, so that one request does
}

type knownKeys struct {
	byHash map[[32]byte]store.Key
	readAt time.Time
}

func (k *keyring) find(ctx context.Context, secret string) (store.Key, bool, error) {
	hash := sha256.Sum256([]byte(secret))
	known, err := k.current(ctx, keysFresh)
	if err != nil {
		return store.Key{}, false, err
	}
	key, found := known.byHash[hash]
	if !found {
		if known, err = k.current(ctx, keysRetry); err != nil {
			return store.Key{}, false, err
		}
		key, found = known.byHash[hash]
	}
	return key, found && !key.Revoked, nil
}

// current returns the stored keys as they were at most maxAge ago.
func (k *keyring) current(ctx context.Context, maxAge time.Duration) (*knownKeys, error) {
	if known := k.known.Load(); known != nil && k.now().Sub(known.readAt) < maxAge {
		return known, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if known := k.known.Load(); known != nil && now.Sub(known.readAt) < maxAge {
		return known, nil
	}
	list, err := k.keys.Keys(ctx)
	if err != nil {
		return nil, err
	}
	known := &knownKeys{byHash: make(map[[32]byte]store.Key, len(list)), readAt: now}
	for _, key := range list {
		known.byHash[key.Hash] = key
	}
	k.known.Store(known)
	return known, nil
}

// authorize lets a request pass that shows a key with the scope, or needs none.
func (s *Server) authorize(w *recorder, r *http.Request, scope string) error {
	if scope == "" {
		return nil
	}
	secret := secretOf(r)
	if secret == "" {
		return unauthorized("this needs an API key: send it as Authorization: Bearer kd_…", "")
	}
	key, valid, err := s.keyring.find(r.Context(), secret)
	if err != nil {
		return err
	}
	if !valid {
		return unauthorized("the API key is not valid, or has been revoked", `, error="invalid_token"`)
	}
	w.key = key.Name
	if !slices.Contains(key.Scopes, scope) && !slices.Contains(key.Scopes, ScopeAdmin) {
		denied := refuse(http.StatusForbidden, "the API key lacks the scope %q", scope)
		denied.header = http.Header{"Www-Authenticate": {`Bearer realm="kindred", error="insufficient_scope", scope="` + scope + `"`}}
		return denied
	}
	return nil
}

func unauthorized(detail, parameters string) error {
	err := refuse(http.StatusUnauthorized, "%s", detail)
	err.header = http.Header{"Www-Authenticate": {`Bearer realm="kindred"` + parameters}}
	return err
}

func secretOf(r *http.Request) string {
	if scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(secret)
	}
	return r.Header.Get("X-Api-Key")
}
