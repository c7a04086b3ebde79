package jose

import (
	"math/big"
	"math/bits"
)

// rocaOrders are small primes with the order of 65537 modulo each. The products
// of each half fit into 64 bits.
var rocaOrders = [2][]struct{ prime, order uint64 }{
	{{11, 2}, {13, 6}, {17, 8}, {19, 9}, {37, 3}, {53, 26}, {61, 20}, {71, 35}, {73, 24}},
	{{79, 13}, {97, 6}, {103, 51}, {107, 53}, {109, 54}, {127, 42}, {151, 50}, {157, 78}},
}

// isROCA reports whether a modulus has the fingerprint of the Infineon library of
// CVE-2017-15361 (Nemec and others, "The Return of Coppersmith's Attack", 2017):
// modulo every small prime it is a power of 65537. One sound modulus in about
// 2*10^8 has it too. It allocates nothing.
func isROCA(n *big.Int) bool {
	for _, half := range rocaOrders {
		product := uint64(1)
		for _, p := range half {
			product *= p.prime
		}
		rest := modulo(n, product)
		for _, p := range half {
			if power(rest%p.prime, p.order, p.prime) != 1 {
				return false
			}
		}
	}
	return true
}

// modulo is n mod m for an n that is not negative.
func modulo(n *big.Int, m uint64) uint64 {
	rest := uint64(0)
	words := n.Bits()
	for i := len(words) - 1; i >= 0; i-- {
		hi, lo := rest, uint64(words[i])
		if bits.UintSize == 32 {
			hi, lo = rest>>32, rest<<32|lo
		}
		rest = bits.Rem64(hi, lo, m)
	}
	return rest
}

// power is b^e mod m for an m below 2^32.
func power(b, e, m uint64) uint64 {
	result := uint64(1)
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			result = result * b % m
		}
		b = b * b % m
	}
	return result
}
