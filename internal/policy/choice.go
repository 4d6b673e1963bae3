package policy

// choice is a number, or one of two by a condition. Whatever is done to a
// choice is done to both, so that conditionals rise through arithmetic to the
// comparison, and only booleans are ever conditional: x < (c ? 1 : 2) becomes
// c ? x < 1 : x < 2.
type choice struct {
	number  number
	cond    node // of a choice, else nil
	yes, no *choice
}

// node makes a node of each number, under the conditions that choose it.
func (c *choice) node(f func(number) (node, error)) (node, error) {
	if c.cond == nil {
		return f(c.number)
	}
	yes, err := c.yes.node(f)
	if err != nil {
		return nil, err
	}
	no, err := c.no.node(f)
	if err != nil {
		return nil, err
	}
	return conditional{cond: c.cond, a: yes, b: no}, nil
}

// with makes a number of each pair.
func (c *choice) with(d *choice, f func(a, b number) (number, error)) (*choice, error) {
	if c.cond == nil && d.cond == nil {
		n, err := f(c.number, d.number)
		return &choice{number: n}, err
	}
	split := func(a, b *choice) (*choice, error) { return a.with(b, f) }
	out := &choice{}
	var err error
	if c.cond != nil {
		out.cond = c.cond
		if out.yes, err = split(c.yes, d); err != nil {
			return nil, err
		}
		out.no, err = split(c.no, d)
		return out, err
	}
	out.cond = d.cond
	if out.yes, err = split(c, d.yes); err != nil {
		return nil, err
	}
	out.no, err = split(c, d.no)
	return out, err
}
