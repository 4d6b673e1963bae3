package tunnel

// HeapFloor is for heap.Floor in a program that has a Dataplane. Idle it leaves no
// garbage behind, and so takes none of it.
const HeapFloor = 32 << 20
