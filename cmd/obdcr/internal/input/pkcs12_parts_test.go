package input

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

const storePassword = "correct \u00e4 horse"

// partedStore is a store of two parts, one of certificates and one with the key.
type partedStore struct {
	key                *ecdsa.PrivateKey
	leaf               *x509.Certificate
	certificates, keys contentInfo
}

func newPartedStore(t *testing.T, encoder *pkcs12.Encoder) *partedStore {
	t.Helper()
	s := &partedStore{}
	var err error
	s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	require.NoError(t, err)
	s.leaf, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	data, err := encoder.WithIterations(1).Encode(s.key, s.leaf, nil, storePassword)
	require.NoError(t, err)
	parts, checked, ok := partsOf(data)
	require.True(t, ok && checked && len(parts) == 2)
	s.certificates, s.keys = parts[0], parts[1]
	return s
}

// storeOf makes a store of parts, with or without the code that checks its password.
func storeOf(t *testing.T, checked bool, parts ...contentInfo) string {
	t.Helper()
	content, err := asn1.Marshal(parts)
	require.NoError(t, err)
	store := pfx{Version: 3}
	if checked {
		store.MAC = codeOf(content, storePassword)
	}
	store.Safe, err = dataPart(content)
	require.NoError(t, err)
	data, err := asn1.Marshal(store)
	require.NoError(t, err)
	return string(data)
}

// partOf makes a part of bags that is not encrypted.
func partOf(t *testing.T, bags ...safeBag) contentInfo {
	t.Helper()
	content, err := asn1.Marshal(bags)
	require.NoError(t, err)
	part, err := dataPart(content)
	require.NoError(t, err)
	return part
}

func TestAStoreIsReadWhateverPartsItHas(t *testing.T) {
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern, "legacy": pkcs12.LegacyRC2} {
		s := newPartedStore(t, encoder)
		empty := partOf(t)
		for form, c := range map[string]struct {
			data       string
			key, certs bool
		}{
			"certificates alone":  {storeOf(t, true, s.certificates), false, true},
			"a key alone":         {storeOf(t, true, s.keys), true, false},
			"key first":           {storeOf(t, true, s.keys, s.certificates), true, true},
			"three parts":         {storeOf(t, true, s.certificates, empty, s.keys), true, true},
			"nothing to check it": {storeOf(t, false, s.certificates, s.keys), true, true},
			"one part": {storeOf(t, true, partOf(t, append(s.keys.bags(), safeBag{ID: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 5},
				Value: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: []byte{0x30, 0}}})...), s.certificates), true, true},
		} {
			opened, err := openStore(c.data, storePassword)
			require.NoError(t, err, "%s, %s", name, form)
			require.Equal(t, c.key, opened.key != nil, "%s, %s", name, form)
			if c.key {
				require.True(t, s.key.Equal(opened.key), "%s, %s", name, form)
			}
			require.Len(t, opened.certificates, map[bool]int{true: 1}[c.certs], "%s, %s", name, form)
			if c.certs {
				require.Equal(t, s.leaf.Raw, opened.certificates[0].Raw)
			}
			_, err = openStore(c.data, "wrong")
			require.ErrorIs(t, err, ErrPassword, "%s, %s", name, form)
		}
	}
}

// TestAWrongPasswordIsCalledWrong tries passwords until some leave a padding that is right:
// the bytes are nonsense all the same.
func TestAWrongPasswordIsCalledWrong(t *testing.T) {
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern, "legacy": pkcs12.LegacyRC2} {
		s := newPartedStore(t, encoder)
		spare, _, err := spares()
		require.NoError(t, err)
		for part, of := range map[string]contentInfo{"certificates": s.certificates, "key": s.keys} {
			store := storeOf(t, false, of)
			for i, padded := 0, 0; padded < 3; i++ {
				wrong := strconv.Itoa(i)
				_, _, err := decodeBehind(spare, of, wrong)
				require.Error(t, err)
				if !strings.Contains(err.Error(), pkcs12.ErrDecryption.Error()) {
					padded++
				}
				_, err = openStore(store, wrong)
				require.ErrorIs(t, err, ErrPassword, "%s, %s, %q", name, part, wrong)
			}
		}
	}
}

// luckyPart is a part with a key, under storePassword. Two of the first 2^24 numbers are passwords
// that leave a right padding and one value of ASN.1, which is no key.
const luckyPart = "MIIBIQYJKoZIhvcNAQcBoIIBEgSCAQ4wggEKMIIBBgYLKoZIhvcNAQwKAQKggfYwgfMwXgYJKoZIhvcNAQUNMFEwMAYJKoZIhvcNAQUMMCMEEHA5NS0eJFgmGdqdxCluDI4C" +
	"AQEwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECUqGQjyfk0OquDcWgE3sNcEgZAZjUXuuLYRfSXfILRmxyF1Iy0atydpiWM4RiHf45Zp2lWzz9qNPsrHnSPF5VEOMvQE" +
	"QExi4zGhZoS34hgPj+FKaefdcmuN/WN83mr0cPrIA7E1zqHCjIUDmBvGLiKR3cOHbCmQQxO0PkBB6Pmux8yul6gwk5Q6RrgHp74KDONIN5y2QQyao/VWztvDS6Yb7Gw="

func TestAWrongPasswordUnderWhichAKeyIsAValueIsCalledWrong(t *testing.T) {
	der, err := base64.StdEncoding.DecodeString(luckyPart)
	require.NoError(t, err)
	var part contentInfo
	require.True(t, unmarshalAll(der, &part))
	store := storeOf(t, false, part)
	opened, err := openStore(store, storePassword)
	require.NoError(t, err)
	require.NotNil(t, opened.key)
	spare, _, err := spares()
	require.NoError(t, err)
	for _, wrong := range []string{"1810908", "15473925"} {
		_, _, err = decodeBehind(spare, part, wrong)
		require.ErrorContains(t, err, "error parsing PKCS#8 private key", wrong)
		_, err = openStore(store, wrong)
		require.ErrorIs(t, err, ErrPassword, wrong)
	}
}

// TestTheRightPasswordIsNotCalledWrong: what is not read for another reason has that reason.
func TestTheRightPasswordIsNotCalledWrong(t *testing.T) {
	s := newPartedStore(t, pkcs12.Modern)
	other := newPartedStore(t, pkcs12.Modern)
	bags := append(s.keys.bags(), other.keys.bags()...)
	_, err := openStore(storeOf(t, true, s.certificates, partOf(t, bags...)), storePassword)
	several := &severalKeys{}
	require.ErrorAs(t, err, &several)
	require.Equal(t, 2, several.count)
	_, err = openStore(storeOf(t, true, s.keys, other.keys), storePassword)
	require.ErrorAs(t, err, &several)

	aes, unknown := "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", "\x60\x86\x48\x01\x65\x03\x04\x01\x7f"
	cipher := s.certificates
	cipher.Content = asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true,
		Bytes: []byte(strings.ReplaceAll(string(s.certificates.Content.Bytes), aes, unknown))}
	require.NotEqual(t, s.certificates.Content.Bytes, cipher.Content.Bytes)
	_, err = openStore(storeOf(t, true, cipher, s.keys), storePassword)
	require.ErrorIs(t, err, errStoreForm)

	_, err = openStore(storeOf(t, false, cipher, s.keys), storePassword)
	require.ErrorIs(t, err, errStoreForm)
	broken := s.certificates
	broken.Content = asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: []byte{0x30, 0}}
	_, err = openStore(storeOf(t, false, broken, s.keys), storePassword)
	require.ErrorIs(t, err, errStoreForm, "nothing of it can be decrypted")

	_, err = openStore(storeOf(t, true, partOf(t)), storePassword)
	require.ErrorIs(t, err, errStoreEmpty)
	for _, form := range []contentInfo{{Type: oidData}, {Type: asn1.ObjectIdentifier{1, 2, 3}}} {
		_, err = openStore(storeOf(t, true, form), storePassword)
		require.ErrorIs(t, err, errStoreForm)
	}
}

// TestOneOfSeveralKeysIsTakenByItsName gives a store to the flags that take one.
func TestOneOfSeveralKeysIsTakenByItsName(t *testing.T) {
	s := newPartedStore(t, pkcs12.Modern)
	bag := s.keys.bags()[0]
	bag.Attributes = nil
	name := asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true, Bytes: []byte("\x1e\x06\x00a\x00 \x00b")}
	named := bag
	named.Attributes = append(named.Attributes, struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue `asn1:"set"`
	}{oidFriendlyName, name})
	for want, bags := range map[string][]safeBag{"-srcalias 'a b'": {named, bag}, "openssl": {bag, bag}} {
		f := Recognise(storeOf(t, true, partOf(t, bags...)))
		require.Equal(t, PKCS12, f.Kind)
		f.Name = "two.p12"
		_, _, err := f.SigningKey("", passwordOf(storePassword))
		var refused *Error
		require.ErrorAs(t, err, &refused)
		require.NotErrorIs(t, err, ErrPassword)
		require.Contains(t, refused.Command.String(), want)
	}
}

func TestAKeyOfAnotherTypeInAStoreIsNamed(t *testing.T) {
	s := newPartedStore(t, pkcs12.Modern)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	data, err := pkcs12.Modern.WithIterations(1).Encode(edwards, s.leaf, nil, storePassword)
	require.NoError(t, err)
	f := Recognise(string(data))
	_, _, err = f.SigningKey("", passwordOf(storePassword))
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Found, "Ed25519")
	require.Equal(t, "genpkey", refused.Command[1], "the fix is another key")
}

func TestAStoreWithoutWhatIsWantedSaysSo(t *testing.T) {
	s := newPartedStore(t, pkcs12.Modern)
	f := Recognise(storeOf(t, true, s.keys))
	_, err := f.Certificates(passwordOf(storePassword), true)
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, refused.Reason)
	f = Recognise(storeOf(t, true, s.certificates))
	_, _, err = f.SigningKey("", passwordOf(storePassword))
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, refused.Reason)
	certs, err := f.Authorities(passwordOf(storePassword))
	require.NoError(t, err)
	require.Len(t, certs, 1)
}
