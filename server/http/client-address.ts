/**
 * Which requests count as one client's: those of one IPv4 address, or of one IPv6 network. A customer of an IPv6 provider has a network of at
 * least 2^64 addresses (RFC 4291, 2.5.1), and could use another one for each request.
 */
import ipaddr from 'ipaddr.js'

/** Ranges of local networks, where each address is one machine. */
const LOCAL_RANGES: ReadonlySet<string> = new Set(['loopback', 'linkLocal', 'uniqueLocal'])

/**
 * The name under which a client is counted.
 * @param address as the socket or a proxy gives it; a text that is not an address is returned unchanged
 *
 * @example
 * clientAddress('::ffff:192.0.2.1') // '192.0.2.1'
 * clientAddress('2001:db8:1:2:3:4:5:6') // '2001:db8:1:2::/64'
 */
export function clientAddress(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (!(parsed instanceof ipaddr.IPv6) || LOCAL_RANGES.has(parsed.range())) return parsed.toString()
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}
