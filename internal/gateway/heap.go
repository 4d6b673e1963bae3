package gateway

// HeapFloor is for heap.Floor in a program that is a gateway: what 2,000 flows a
// second leave behind in half a second.
const HeapFloor = 64 << 20
