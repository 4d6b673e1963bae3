// Package flow is one end of a flow that outlives its carriers. Client and
// gateway hold an End each, between the connection of an application and the
// bodies of the CONNECT requests that carry it, one after the other.
package flow
