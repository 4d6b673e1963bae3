// Package wire holds what travels on Tidegate's channels: the messages of the
// control channel (client and controller), of the data channel (client and
// gateway) and of the link between gateway and controller, the tokens, the
// vocabulary of verdicts, and the limits all three keep.
//
// Everything here is a value: nothing dials, stores, reads a clock or starts a
// goroutine, and every decoder bounds what it reads and has a fuzz target. All
// programs import it; it imports none of them.
package wire
