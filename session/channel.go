package session

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// ChannelCause is what had a data channel suspended or resumed.
type ChannelCause string

// The causes. The zero value has to do with no suspension.
const (
	CauseNone          ChannelCause = ""
	CauseUsed          ChannelCause = "used"          // it was resumed by being used
	CauseIdle          ChannelCause = "idle"          // nothing was using it
	CauseUser          ChannelCause = "user"          // `tidegate pause`
	CauseAdministrator ChannelCause = "administrator" // ordered it
	CauseApplication   ChannelCause = "application"   // had something to say, and woke it
)

// Local says how programs of this machine reach the applications, beside the
// loopback addresses.
type Local struct {
	// Proxy is where the SOCKS5 and HTTP proxy listens, for this user alone, and
	// PAC the URL of its configuration; zero while there is none.
	Proxy netip.AddrPort `json:"proxy,omitzero"`
	PAC   string         `json:"pac,omitempty"`
	// TUN: every program reaches the applications at addresses of their own;
	// Problem is why not, where that was asked for.
	TUN     bool     `json:"tun"`
	Problem *Problem `json:"problem,omitempty"`
	// DNS is how programs look the applications' names up; nil while nobody is
	// signed in.
	DNS *DNS `json:"dns,omitempty"`
}

// pacPath is where the proxy serves its configuration.
const pacPath = "/proxy.pac"

func deriveLocal(f *facts) Local {
	l := Local{Proxy: f.plane.Proxy, TUN: f.plane.TUN, DNS: deriveDNS(f)}
	if l.Proxy.IsValid() {
		l.PAC = "http://" + l.Proxy.String() + pacPath
	}
	if p := f.plane.Problem; p != nil && !l.TUN {
		l.Problem = explainTUN(p)
	}
	return l
}

// notices are the wishes for data channels that are said rather than stated, and
// what came of them. Counters never fall, so that a higher one is a new wish.
type notices struct {
	suspend uint64                    // all channels
	sites   map[wire.SiteID]siteCount // those of one
	ordered map[wire.SiteID]ordered   // suspensions that the data plane has not reported yet
	woken   map[wire.SiteID]time.Time // when the resumptions were asked for
	causes  map[wire.SiteID]ChannelCause
	users   map[wire.SiteID][]wire.AppID // whose use had the channels opened, or resumed
}

type siteCount struct{ wake, suspend uint64 }

type ordered struct {
	cause ChannelCause
	at    time.Time
}

func newNotices() notices {
	return notices{sites: map[wire.SiteID]siteCount{}, ordered: map[wire.SiteID]ordered{},
		woken: map[wire.SiteID]time.Time{}, causes: map[wire.SiteID]ChannelCause{},
		users: map[wire.SiteID][]wire.AppID{}}
}

// forgetNotices drops what belonged to a session. The counters stay.
func (c *core) forgetNotices() {
	clear(c.notices.ordered)
	clear(c.notices.woken)
	clear(c.notices.causes)
	clear(c.notices.users)
}

// noticed takes what the controller tells of data channels: of one of ours, or,
// where it names none, of all.
func (c *core) noticed(event string, n wire.ChannelNotice) {
	if n.Site == "" && event == wire.EventSuspend {
		c.suspend(CauseAdministrator)
		return
	}
	for _, s := range c.sites {
		if n.Site != "" && n.Site != s.ID {
			continue
		}
		count := c.notices.sites[s.ID]
		switch event {
		case wire.EventWake:
			count.wake++
			if c.plane.Sites[s.ID].State == Suspended {
				c.notices.woken[s.ID] = c.now()
			}
		case wire.EventSuspend:
			count.suspend++
			c.order(s.ID, CauseAdministrator)
		}
		c.notices.sites[s.ID] = count
	}
}

// suspend has all data channels suspended.
func (c *core) suspend(why ChannelCause) {
	c.notices.suspend++
	for _, s := range c.sites {
		c.order(s.ID, why)
	}
}

// orderTime is how long a suspension may take that was ordered, or a resumption.
const orderTime = 10 * time.Second

// order notes why a channel is about to be suspended, unless it is already.
func (c *core) order(id wire.SiteID, why ChannelCause) {
	if c.plane.Sites[id].State != Suspended {
		c.notices.ordered[id] = ordered{why, c.now()}
	}
}

// channelsChanged says why the data channels are what they are in f, by what
// they were.
func (c *core) channelsChanged(f DataplaneFacts) {
	n := &c.notices
	for _, s := range c.sites {
		id, was, is := s.ID, c.plane.Sites[s.ID].State, f.Sites[s.ID]
		o, asked := n.ordered[id]
		if asked && passed(o.at, c.now()) > orderTime {
			asked = false
			delete(n.ordered, id)
		}
		switch {
		case is.State == Disconnected:
			delete(n.woken, id)
			delete(n.causes, id)
		case is.State == Suspended && was != Suspended:
			switch {
			case asked:
				n.causes[id] = o.cause
			case is.Problem != nil: // it could not be resumed
				delete(n.causes, id)
			default:
				n.causes[id] = CauseIdle
			}
			delete(n.ordered, id)
			delete(n.woken, id)
		case is.State != Suspended && was == Suspended:
			n.causes[id] = CauseUsed
			if at, woken := n.woken[id]; woken && passed(at, c.now()) <= orderTime {
				n.causes[id] = CauseApplication
			}
			delete(n.woken, id)
		case is.State == Connecting && was == Connected: // its carrier was lost
			delete(n.causes, id)
		case is.State == Connected && asked && is.Since.After(o.at):
			delete(n.ordered, id) // it was suspended, and resumed, since
		}
		c.usersOf(id, f)
	}
}

// usersOf notes whose use has a data channel opened, or resumed: those that wait for
// it until it is connected, and of those that come with it.
func (c *core) usersOf(id wire.SiteID, f DataplaneFacts) {
	n, was, is := &c.notices, c.plane.Sites[id].State, f.Sites[id].State
	if was == is && is != Connecting {
		return
	}
	if was != Connecting || is == Disconnected || is == Suspended {
		delete(n.users, id)
	}
	var users []wire.AppID
	for i := range c.catalog {
		a := &c.catalog[i]
		now, before := f.Apps[a.ID], c.plane.Apps[a.ID]
		if a.Site == id && (now.Opening > 0 || now.Flows > before.Flows || is == Connected && slices.Contains(n.users[id], a.ID)) {
			users = append(users, a.ID)
		}
	}
	if len(users) > 0 {
		n.users[id] = users
	}
}

func (c *core) doPause() error {
	if c.cookie == "" || c.snapshot == nil {
		return says("nobody is signed in, so there is no data channel to suspend")
	}
	c.suspend(CauseUser)
	return nil
}
