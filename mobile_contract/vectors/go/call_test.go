package vectors

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type callVectors struct {
	Device struct {
		jwk
		D string
	}
	Padding    [][2]int
	RequestKey struct{ Seed, Public, Kid octets }
	Binding    binding
	Request    struct {
		Info, AnswerKey, OperationID octets
		JSON                         string
		Octets                       octets
	}
	Proof struct{ URL, Token, Nonce, Digest, JWS string }
	Nonce struct {
		Key   octets
		At    time.Time
		Nonce string
	}
	Answer struct {
		R      octets
		JSON   string
		Octets octets
	}
	Keyset struct {
		Roots                             [2]octets
		Now                               time.Time
		Certificate, Keyset               string
		CertificateVersion, KeysetVersion int64
	}
	Refused []refusal
}

type refusal struct {
	Of, Name string
	XorAt    int
	With     byte
	CutTo    int
	Append   octets
}

// of is these octets with the refusal's change.
func (r refusal) of(o []byte) []byte {
	if r.Append != nil {
		return append(append([]byte(nil), o...), r.Append...)
	}
	if r.CutTo != 0 {
		return o[:len(o)+r.CutTo]
	}
	return flipped(o, r.XorAt, r.With)
}

func readCall(t *testing.T, text []byte) {
	v := parsed[callVectors](t, text)
	t.Run("padding", v.padding)
	t.Run("request", v.request)
	t.Run("answer", v.answer)
	t.Run("proof", v.proof)
	t.Run("nonce", v.nonce)
	t.Run("keyset", v.keyset)
	t.Run("refused", v.refused)
}

func (v callVectors) padding(t *testing.T) {
	for _, each := range v.Padding {
		equal(t, "padded", paddedLength(each[0]), each[1])
	}
}

func (v callVectors) request(t *testing.T) {
	key, err := requestKey(v.RequestKey.Seed)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "public key", string(key.PublicKey().Bytes()), string(v.RequestKey.Public))
	equal(t, "kid", string(kidOf(v.RequestKey.Public)), string(v.RequestKey.Kid))
	equal(t, "info", string(v.Binding.info(v.RequestKey.Kid)), string(v.Request.Info))
	made, err := sealRequest(v.RequestKey.Public, v.Binding,
		opened{v.Request.AnswerKey, v.Request.OperationID, []byte(v.Request.JSON)})
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range [][]byte{v.Request.Octets, made} {
		found, err := openRequest(frame, v.Binding, key)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "answer key", string(found.answerKey), string(v.Request.AnswerKey))
		equal(t, "operation id", string(found.operationID), string(v.Request.OperationID))
		equal(t, "JSON", string(found.json), v.Request.JSON)
	}
	for at := range 6 {
		other := v.Binding
		member := []*string{&other.Iss, &other.Sub, &other.Sid, &other.Jkt, &other.Ath, &other.Jti}[at]
		*member += "x"
		_, err := openRequest(v.Request.Octets, other, key)
		refuse(t, "a request of another binding", err)
	}
}

func (v callVectors) answer(t *testing.T) {
	found, err := openAnswer(v.Answer.Octets, v.Request.AnswerKey, v.Request.Octets)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "JSON", string(found), v.Answer.JSON)
	made := sealAnswer(v.Request.AnswerKey, v.Request.Octets, v.Answer.R, []byte(v.Answer.JSON))
	equal(t, "octets", string(made), string(v.Answer.Octets))
	_, err = openAnswer(v.Answer.Octets, v.Request.AnswerKey, flipped(v.Request.Octets, 2000, 1))
	refuse(t, "the answer to another request", err)
	_, err = openAnswer(v.Answer.Octets, flipped(v.Request.AnswerKey, 0, 1), v.Request.Octets)
	refuse(t, "an answer under another key", err)
}

func (v callVectors) proof(t *testing.T) {
	var claims struct{ Htm, Htu, Ath, Jti, Nonce, Digest string }
	if err := openJWS(v.Proof.JWS, v.Device.jwk, &claims); err != nil {
		t.Fatal(err)
	}
	equal(t, "thumbprint", v.Device.thumbprint(), v.Binding.Jkt)
	equal(t, "htm", claims.Htm, "POST")
	equal(t, "htu", claims.Htu, v.Proof.URL)
	equal(t, "ath", claims.Ath, athOf(v.Proof.Token))
	equal(t, "ath of the binding", claims.Ath, v.Binding.Ath)
	equal(t, "jti", claims.Jti, v.Binding.Jti)
	equal(t, "nonce", claims.Nonce, v.Proof.Nonce)
	equal(t, "digest", claims.Digest, digestOf(v.Request.Octets))
	equal(t, "digest of the vectors", claims.Digest, v.Proof.Digest)
	parts := strings.Split(v.Proof.JWS, ".")
	payload, err := unb64u(parts[1])
	must(err)
	changed := strings.Join([]string{parts[0], b64u(flipped(payload, 3, 1)), parts[2]}, ".")
	refuse(t, "a changed proof", openJWS(changed, v.Device.jwk, new(json.RawMessage)))
}

func (v callVectors) nonce(t *testing.T) {
	mac := hmac.New(sha256.New, v.Nonce.Key)
	bucket := binary.BigEndian.AppendUint64(nil, uint64(v.Nonce.At.Unix()/120))
	mac.Write(append(lp("ioc-vault/nonce/v1"), bucket...))
	equal(t, "nonce", b64u(append([]byte{1}, mac.Sum(nil)[:16]...)), v.Nonce.Nonce)
}

func (v callVectors) keyset(t *testing.T) {
	k := v.Keyset
	roots := [2][]byte{k.Roots[0], k.Roots[1]}
	known := versions{k.CertificateVersion, k.KeysetVersion}
	keys, taken, err := acceptKeyset(k.Certificate, k.Keyset, roots, known, k.Now)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "first key", string(keys[0]), string(v.RequestKey.Public))
	equal(t, "versions", taken, known)
	for name, c := range map[string]struct {
		certificate, keyset string
		roots               [2][]byte
		seen                versions
		now                 time.Time
	}{
		"an older keyset":       {k.Certificate, k.Keyset, roots, versions{3, 8}, k.Now},
		"an older certificate":  {k.Certificate, k.Keyset, roots, versions{4, 7}, k.Now},
		"one root twice":        {k.Certificate, k.Keyset, [2][]byte{roots[0], roots[0]}, known, k.Now},
		"another root":          {k.Certificate, k.Keyset, [2][]byte{roots[0], flipped(roots[1], 0, 1)}, known, k.Now},
		"one that has run out":  {k.Certificate, k.Keyset, roots, known, k.Now.Add(48 * time.Hour)},
		"one that lives long":   {k.Certificate, k.Keyset, roots, known, k.Now.Add(-time.Hour)},
		"the certificate twice": {k.Certificate, k.Certificate, roots, known, k.Now},
		"another version":       {k.Certificate, strings.Replace(k.Keyset, "\n7\n", "\n9\n", 1), roots, known, k.Now},
		"one signature cut off": {k.Certificate[:strings.LastIndex(k.Certificate[:len(k.Certificate)-1], "\n")+1],
			k.Keyset, roots, known, k.Now},
	} {
		_, _, err := acceptKeyset(c.certificate, c.keyset, c.roots, c.seen, c.now)
		refuse(t, name, err)
	}
}

func (v callVectors) refused(t *testing.T) {
	key, err := requestKey(v.RequestKey.Seed)
	must(err)
	for _, each := range v.Refused {
		switch each.Of {
		case "request":
			_, err = openRequest(each.of(v.Request.Octets), v.Binding, key)
		case "answer":
			_, err = openAnswer(each.of(v.Answer.Octets), v.Request.AnswerKey, v.Request.Octets)
		default:
			t.Fatalf("refusals of %q have no reader", each.Of)
		}
		refuse(t, each.Of+", "+each.Name, err)
	}
}
