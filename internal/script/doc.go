// Package script runs administrators' scripts, which are written in Starlark
// (https://github.com/bazelbuild/starlark): criteria scripts, which yield an
// outside value that access criteria read, and entitlement scripts, which yield
// the hosts of an entitlement. The controller compiles them to refuse bad ones
// at write time; the gateway compiles and runs them.
//
// A script is one file that defines main, with the one parameter ctx:
//
//	ROSTER = "https://roster.lab.example/v1/on-call"
//
//	def main(ctx):
//	    if "staff" not in ctx.user.groups:
//	        return False
//	    answer = http.get(ROSTER, headers = {"Accept": "application/json"})
//	    if answer.status != 200:
//	        fail("the roster answered", answer.status)
//	    return ctx.user.name in json.decode(answer.body)["names"]
//
// What it may read is ctx (see Input) and what the URLs on its allow-list
// answer; there is no other way out: no clock, no files, no load. Of Starlark's
// options none is on: no while, no recursion, no set. Beside the language's own
// functions there are json.decode, json.encode, http.get(url, headers={}) and
// http.post(url, body="", headers={}), whose answer has status, body and headers
// (by lower-case name). %=, <<= and >>= work on names only; += and the others on
// elements too.
//
// # Limits
//
// A run is bounded in steps, time, output and requests (see Limits), and what
// exceeds a bound ends the run with an error that says so. Starlark by itself
// counts instructions and not what one instruction does: [0] * (1<<29) is one
// step and 8 GiB, and no cancelling stops list(range(1<<40)). So Compile puts
// a meter before each operator, call, subscript and slice (see rewriter), which
// takes a step for each element and each 16 bytes that it will read or make,
// before it does so. By that, steps bound memory and each single operation as
// well: a run of the default million steps allocates at most about 150 MiB in
// all, whatever it does, and no operation in it takes longer than some tenths of
// a second, after which it notices that its time is over. Integers have at most
// 4,096 bits; what is printed, encoded, compared or used as a key is nested at
// most 100 deep.
//
// What remains: thousands of numbers crafted to share a hash make single
// operations on a dict take seconds, and a run outlast its time by as much.
// Whoever writes scripts is an administrator, who could as well allow
// everything; the limits are there for mistakes.
//
// # Concurrency
//
// A Program is immutable and may run any number of times at once. A run keeps
// nothing: globals are made anew for each. No goroutine outlives Run.
package script
