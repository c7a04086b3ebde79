package fetch

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyAddressesOfThePublicInternetArePublic(t *testing.T) {
	for _, a := range strings.Fields(`1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
		128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255
		198.20.0.0 203.0.112.255 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::808:808 2001:4860:4860::8888 2606:4700::1111
		2a00:1450:4009::1 2003::1`) {
		assert.True(t, public(netip.MustParseAddr(a), nil), a)
	}
	for _, a := range strings.Fields(`0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1
		127.255.255.255 169.254.0.1 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1
		198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
		:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:7f00:1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe
		64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:20::1 2001:db8::1 2002:808:808::1 2002:7f00:1::1 3fff::1 4000::1 5f00::1
		fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1`) {
		assert.False(t, public(netip.MustParseAddr(a), nil), a)
	}
	assert.False(t, public(netip.Addr{}, nil))
}

// TestTheRegistriesOfSpecialAddressesAreKept has each row of the IANA IPv4 and IPv6
// Special-Purpose Address Registries (RFC 6890, as of 2025), and of the registry of IPv6
// address space what is set apart. A row whose column Globally Reachable is not True is not
// public, and neither are the rows that are said to be stricter here.
func TestTheRegistriesOfSpecialAddressesAreKept(t *testing.T) {
	for row, reachable := range map[string]bool{
		"0.0.0.0/8": false, "0.0.0.0/32": false, "10.0.0.0/8": false, "100.64.0.0/10": false, "127.0.0.0/8": false, "169.254.0.0/16": false,
		"172.16.0.0/12": false, "192.0.0.0/24": false, "192.0.0.0/29": false, "192.0.0.8/32": false, "192.0.0.170/32": false, "192.0.0.171/32": false,
		"192.0.2.0/24": false, "192.168.0.0/16": false, "198.18.0.0/15": false, "198.51.100.0/24": false, "203.0.113.0/24": false, "240.0.0.0/4": false,
		"255.255.255.255/32": false, "192.31.196.0/24": true, "192.52.193.0/24": true, "192.175.48.0/24": true,
		"192.0.0.9/32": false, "192.0.0.10/32": false, "192.88.99.0/24": false, // stricter: anycast of PCP and TURN, relays of 6to4
		"::1/128": false, "::/128": false, "::ffff:0:0/96": false, "64:ff9b:1::/48": false, "100::/64": false, "100:0:0:1::/64": false,
		"2001::/23": false, "2001::/32": false, "2001:2::/48": false, "2001:10::/28": false, "2001:db8::/32": false, "2002::/16": false,
		"3fff::/20": false, "5f00::/16": false, "fc00::/7": false, "fe80::/10": false, "2620:4f:8000::/48": true,
		"2001:1::1/128": false, "2001:1::2/128": false, "2001:1::3/128": false, "2001:3::/32": false, "2001:4:112::/48": false, // stricter: anycast, AMT, AS112
		"2001:20::/28": false, "2001:30::/28": false, // stricter: ORCHIDv2, drone remote identification
		"fec0::/10": false, "ff00::/8": false, "::/8": false, "4000::/3": false, "6000::/3": false, "8000::/3": false, "a000::/3": false, "c000::/3": false,
		"e000::/4": false, "f000::/5": false, "f800::/6": false, "fe00::/9": false,
	} {
		p := netip.MustParsePrefix(row)
		first, last := p.Addr(), p.Addr().As16()
		for bit := p.Bits() + 128 - first.BitLen(); bit < 128; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		for _, a := range []netip.Addr{first, netip.AddrFrom16(last).Unmap()} {
			assert.Equal(t, reachable, public(a, nil), "%s of %s", a, row)
		}
	}
}

// TestAnAddressWithAnotherInsideIsAsPublicAsThat covers the well-known prefix of NAT64 and
// the interface identifiers of ISATAP. What is not public by the bank's own word is no more
// public inside another address.
func TestAnAddressWithAnotherInsideIsAsPublicAsThat(t *testing.T) {
	except := []netip.Prefix{netip.MustParsePrefix("2a00:1450:64::/96"), netip.MustParsePrefix("9.9.0.0/16")}
	for text, want := range map[string]bool{
		"2a00:1450::5efe:10.0.0.1": false, "2a00:1450::200:5efe:10.0.0.1": false, "2a00:1450::5efe:127.0.0.1": false, "2a00:1450::200:5efe:169.254.169.254": false,
		"2a00:1450::5efe:8.8.8.8": true, "2a00:1450::200:5efe:8.8.8.8": true, "2001:db8::5efe:8.8.8.8": false, "fe80::5efe:8.8.8.8": false,
		"2a00:1450::100:5efe:10.0.0.1": true, "2a00:1450::1:5efe:10.0.0.1": true, "2a00:1450::5eff:10.0.0.1": true,
		"64:ff9b::10.0.0.1": false, "64:ff9b::8.8.8.8": true,
		"9.9.9.9": false, "::ffff:9.9.9.9": false, "64:ff9b::9.9.9.9": false, "2a00:1450::5efe:9.9.9.9": false, "9.10.0.0": true,
		"2a00:1450:64::10.0.0.1": false, "2a00:1450:64::8.8.8.8": false, "2a00:1450:65::10.0.0.1": true,
	} {
		assert.Equal(t, want, public(netip.MustParseAddr(text), except), text)
	}
	s := &source{notPublic: except, networks: []netip.Prefix{netip.MustParsePrefix("9.9.9.0/24")}}
	for socket, want := range map[string]bool{"[2a00:1450:64::a00:1]:443": false, "[2a00:1450:65::a00:1]:443": true, "9.9.8.1:443": false, "9.9.9.9:443": true} {
		require.Equal(t, want, s.control("keys.test:443")(t.Context(), "tcp", socket, nil) == nil, socket)
	}
}

func TestTheGuardLooksAtTheAddressOfTheSocket(t *testing.T) {
	s := &source{networks: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("0.0.0.0/0"),
	}}
	strict := &source{networks: s.networks[:2]}
	for _, c := range []struct {
		s               *source
		dialled, socket string
		want            bool
	}{
		{strict, "keys.test:443", "8.8.8.8:443", true},
		{strict, "keys.test:443", "[2606:4700::1111]:443", true},
		{strict, "keys.test:443", "10.1.2.3:443", true},
		{strict, "keys.test:443", "[::ffff:10.1.2.3]:443", true},
		{strict, "keys.test:443", "[fd00::1]:443", true},
		{strict, "keys.test:443", "10.2.0.1:443", false},
		{strict, "keys.test:443", "127.0.0.1:443", false},
		{strict, "keys.test:443", "[::ffff:127.0.0.1]:443", false},
		{strict, "keys.test:443", "[::1]:443", false},
		{strict, "keys.test:443", "[fe80::1%eth0]:443", false},
		{strict, "keys.test:443", "[64:ff9b::7f00:1]:443", false},
		{strict, "keys.test:443", "", false},
		{strict, "keys.test:443", "keys.test:443", false},
		{strict, "127.0.0.1:443", "127.0.0.1:443", true},
		{strict, "127.0.0.1:443", "127.0.0.2:443", false},
		{strict, "[::1]:443", "[::1]:443", true},
		{strict, "[::1]:443", "[fe80::1]:443", false},
		{s, "keys.test:443", "127.0.0.1:443", true},
		{s, "keys.test:443", "0.0.0.0:443", false},
		{s, "keys.test:443", "224.0.0.1:443", false},
		{&source{networks: []netip.Prefix{netip.MustParsePrefix("::/0")}}, "keys.test:443", "[ff02::1]:443", false},
	} {
		err := c.s.control(c.dialled)(t.Context(), "tcp", c.socket, nil)
		assert.Equal(t, c.want, err == nil, "%s at %s", c.dialled, c.socket)
	}
}

func FuzzAddress(f *testing.F) {
	for _, a := range []string{
		"https://keys.test/a?b", "HTTPS://KEYS.TEST:443", "https://keys.test:8443/", "https://[2001:db8::1]:444/x",
		"https://user@keys.test/", "https://keys.test#", "https://keys.test@evil.test/", "https://\u212aeys.test/",
	} {
		f.Add(a)
	}
	listed := map[string]bool{"keys.test": true, "keys.test:8443": true, "[2001:db8::1]:444": true}
	client, err := New(Config{
		Sources: []Source{{Hosts: []string{"keys.test", "keys.test:8443", "[2001:db8::1]:444"}}}, MaxBytes: 1, Timeout: time.Second,
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, address string) {
		u, s, refusal := client.target(address)
		if refusal != nil {
			assert.ErrorIs(t, refusal, ErrAddress)
			assert.Nil(t, u)
			assert.Nil(t, s)
			return
		}
		// What is sent names a listed host, and reads the same once more.
		assert.True(t, listed[u.Host], u.Host)
		assert.True(t, u.Scheme == "https" && u.User == nil && u.Fragment == "")
		again, _, refusal := client.target(u.String())
		if assert.Nil(t, refusal, u.String()) {
			assert.Equal(t, u.String(), again.String())
		}
	})
}

func FuzzFreshness(f *testing.F) {
	f.Add("max-age=60", "5")
	f.Add(`private="a, no-store", max-age="60"`, "-1")
	f.Fuzz(func(t *testing.T, control, age string) {
		h := http.Header{"Cache-Control": {control}, "Age": {age}}
		maxAge, said := freshness(h)
		assert.True(t, maxAge >= 0 && maxAge <= 1<<31*time.Second)
		assert.True(t, said || maxAge == 0)
		// A line more only ever makes an answer staler.
		h.Add("Cache-Control", "max-age=7")
		lesser, said := freshness(h)
		assert.True(t, said && lesser <= 7*time.Second)
		h.Add("Cache-Control", "no-store")
		none, said := freshness(h)
		assert.True(t, said && none == 0)
	})
}
