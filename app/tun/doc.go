// Package tun has every program of this user reach the applications by their own
// names and addresses, while the user is signed in: it has the helper open a
// network device and carries what comes by it. Package app runs one beside the
// data plane; without a helper it does nothing, and the client works without a
// device.
//
//	off ──signed in──► opening ──► up ──signed out, quit──► closing ──► off
//	                     ▲ │ refused, failed
//	                     │ ▼
//	                   waiting ──signed out, quit──► closing
//
// Closing undoes all that the helper did. A process that ends without it leaves
// the helper's guard, so that nothing leaves this machine meanwhile.
package tun

// SocketEnv names another helper's socket, for tests and trials.
const SocketEnv = "TIDEGATE_HELPER_SOCKET"
