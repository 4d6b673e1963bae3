// Package flow is one end of a flow that outlives its carriers. Client and
// gateway hold an End each, between the connection of an application and the
// bodies of the CONNECT requests that carry it, one after the other. The data
// plane of the client and the sessions of the gateway are its callers: they
// make the requests, judge them, exchange Headers, and hand the End its streams.
//
// An End is safe for concurrent use. New starts nothing; what runs, runs within
// Run. Nothing is called with a lock held: not App, not a Stream, not a function
// of Options.
//
// # Offsets
//
// Each direction is a sequence of bytes and its end. Offset n stands before byte
// n; the end takes one as well, so that it is acknowledged like a byte:
//
//	App --read--> [ acked .... sent .... read ] --capsules--> far end
//	                 kept for another stream
//	far end --capsules--> [ accepted .... taken ] --write--> App
//	                         on its way to App
//
// ACK carries what App's kernel has accepted, not what has been taken from a
// stream; a byte is kept until then. A stream carries DATA from where the far
// end has said, in the Header, that it is; each capsule names its offset, and one
// that does not follow the last resets the flow.
//
// # Attachments
//
//	        Prepare(1) Attach(1)          the far end answers, or not
//	parked ----------------------> attached ------------------------+
//	  ^                               |  |                          |
//	  |   Detach, or the stream       |  | Prepare(n): what this    |
//	  |   ends: Detached is called    |  | still delivers is        |
//	  +-------------------------------+  | discarded                |
//	  |                                  v                          |
//	  +--- Detach(n): none comes --- prepared --- Attach(n) --------+
//
// Epochs rise. What a stream delivers is taken, under the lock, only while it is
// the attachment; so what Prepare returns is final: no byte is taken after it
// but from the next stream, and that begins there. Bytes that have been taken
// and not yet written to App count as received, and are written before all that
// comes later. The end of the direction does not count until App has been told:
// an end that knows its FIN acknowledged knows that the far program's kernel has
// all.
//
// The end of a stream parks the flow, in order or not, whatever the error: only
// the capsule RESET, or an offset or capsule that breaks the protocol, resets.
// While it is parked, an End goes on reading from App until Window or Budget
// are used up, and calls Pending when it has something to send, once until the
// next attachment.
//
// # The end
//
//	              both FINs acknowledged
//	       +------------------------------> finished --+
//	       |                                           |  both sides have
//	open --+                                           +-- ended the stream --> ended
//	       |   Reset, App fails,                       |  in order, or a minute
//	       +-- Admit says no ----> reset --RESET-----> told
//	       |                                           ^
//	       +-- RESET, or the far end breaks the rules -+
//
//	Run's ctx ends, in any state: ended, and nobody is told
//
// An End that is over, finished or reset, has closed App and dropped its
// buffers. What is left is that the far end comes to know. Neither can be sure
// that its last word arrived (two generals), so each says what it knows and
// waits for the other to need nothing more:
//
//   - One that has finished says so by ending its direction of the stream, behind
//     its last ACK. One that resets sends RESET, on this stream and on each later
//     one, until it reads RESET or the end of the stream; one that reads RESET
//     answers with RESET; both then end their directions.
//   - Who is over and reads the end of the stream knows that the far end is over
//     too and wants nothing: Run returns.
//   - Where the stream is lost before, the End lingers for a minute, and answers
//     another attachment: its Header tells a far end that lacks the ACK. After
//     that the far end learns that the flow is unknown. If it had sent and
//     received all, its App was closed in order long before, and it loses
//     nothing but the knowledge.
//   - A reset that has not been answered does not end after a minute: it waits
//     for another stream, until its owner ends ctx. An owner that refuses the
//     flow's id from then on has told the same.
//
// # Bounds
//
// Window bounds the bytes of each direction: those kept, and those on their way
// to App. While acknowledgements come it grows, to twice that, and it does so anew
// on each stream. Both ends should use the same: then whoever has sent all it may is
// sure that the far end reads on, and an acknowledgement is never stuck behind
// bytes that a program does not read. Budget bounds the memory of the flows that
// share it, by the size of their buffers. Capsules are bounded by 256 KiB, what
// is skipped of unknown types by 64 KiB each.
//
// Buffers exist only while there is something in them. A flow that is attached
// and quiet holds the smallest (2 KiB), one that is parked and quiet none where
// App is TCP, and the smallest otherwise; a parked End has one goroutine, that of
// Run, and no timer.
//
// # What holds
//
// For any order of losses, roams, suspensions and ends:
//
//  1. What App is given is a prefix of what the far App gave, in order, once.
//  2. App sees its direction end in order only behind all of it.
//  3. Run returns nil only if the far App's kernel has accepted all, and its end.
//  4. acked <= sent <= read, and accepted <= taken, on each side; what a side
//     tells to have received never falls.
//  5. Every goroutine, buffer and stream that an End was lent is given back when
//     Run returns.
//
// The tests hold this against thousands of schedules in virtual time.
package flow
