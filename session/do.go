package session

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// do carries a command out, or begins to.
func (c *core) do(cmd Command) error {
	switch cmd := cmd.(type) {
	case Enrol:
		return c.doEnrol(cmd)
	case ProposeEnrol:
		return c.doPropose(cmd)
	case SwitchEnrolment:
		return c.doSwitch(cmd)
	case ForgetEnrolment:
		return c.doForget(cmd)
	case SignIn:
		return c.doSignIn(cmd)
	case SignOut:
		return c.doSignOut()
	case Answer:
		return c.doAnswer(cmd)
	case DismissPrompt:
		if p := c.state.Prompt; p != nil && p.ID == cmd.Prompt {
			c.dismissed, c.refused, c.proposed, c.enrolling = p.ID, nil, nil, false
			for _, id := range p.Apps {
				c.putOff[id] = c.now()
			}
		}
		return nil
	case ShowPrompt:
		c.locked = false
		return c.doShowPrompt(cmd)
	case OpenApp:
		return c.doOpen(cmd)
	case ShowWindow:
		c.locked = false
		c.window = WindowRequest{Seq: c.window.Seq + 1, Page: cmd.Page, App: cmd.App}
		return nil
	case Acknowledge:
		c.acknowledge(cmd.Code)
		return nil
	case Retry:
		c.link.retry()
		c.launch = nil
		return c.retryKeychain()
	case Pause:
		return c.doPause()
	case LookAhead:
		return c.doLookAhead()
	case SaveVPN, RemoveVPN, ConnectVPN, DisconnectVPN, AnswerVPNPrompt, CancelVPNPrompt:
		return c.doVPN(cmd)
	case ChooseLanguage, ChooseNotices, ChooseIdle, Pin:
		return c.doChoose(cmd)
	case StartAtLogin:
		return c.doStartAtLogin(cmd)
	case SetUpHelper:
		return c.doSetUpHelper()
	case LookAround:
		c.lookAround()
		return nil
	case Quit:
		c.quit = true
		return nil
	}
	return says("this version does not know that command")
}

func (c *core) doPropose(cmd ProposeEnrol) error {
	c.window = WindowRequest{Seq: c.window.Seq + 1}
	if c.busy == PromptEnrol {
		return errBusy // what is shown is what is followed now
	}
	if cmd.Link == "" {
		c.proposed, c.enrolling, c.dismissed, c.refused = nil, true, "", nil
		return nil
	}
	l, err := wire.ParseEnrolmentLink(string(cmd.Link))
	if err != nil {
		c.proposed, c.enrolling, c.dismissed = nil, true, ""
		c.refuse(PromptEnrol, noLink(err)) // whoever clicked looks at the window, and not at our answer
		return err
	}
	c.proposed, c.enrolling, c.dismissed, c.refused = &l, true, "", nil
	c.proposals++
	return nil
}

// noLink says what is wrong with an enrolment link.
func noLink(err error) telling {
	return func() *Problem {
		return &Problem{Code: "enrolment-link", Title: lang.T("This is not an enrolment link"), Detail: sentence(err), Fix: lang.T("Copy the whole link that your administrator sent you, and paste it here.")}
	}
}

func (c *core) doEnrol(cmd Enrol) error {
	if c.busy != "" {
		return errBusy
	}
	c.enrolling = true
	var l wire.EnrolmentLink
	if cmd.Link == "" && c.proposed != nil {
		if cmd.Prompt != proposalID(c.proposals) {
			return says("another link has been opened meanwhile; look at it before you go on")
		}
		l = *c.proposed
	} else {
		var err error
		if l, err = wire.ParseEnrolmentLink(string(cmd.Link)); err != nil {
			c.refuse(PromptEnrol, noLink(err))
			return nil
		}
	}
	end := c.begin(PromptEnrol)
	o := c.o
	c.run(func(ctx context.Context) func(*core) {
		key, err := o.NewKey()
		var e Enrolled
		if err == nil {
			e, err = o.Controller.Enrol(ctx, l, key)
		}
		return func(c *core) {
			if end(c) {
				c.enrolEnded(l, key, e, err)
			}
		}
	})
	return nil
}

func (c *core) enrolEnded(l wire.EnrolmentLink, key crypto.Signer, e Enrolled, err error) {
	if err != nil {
		c.o.Log.Warn("not enrolled", "error", err)
		c.refuse(PromptEnrol, func() *Problem { return explain(err, l.Controller) })
		return
	}
	id, err := e.identity(key)
	if err == nil && !e.fits() {
		err = errors.New("the controller says too much")
	}
	if err != nil {
		c.o.Log.Warn("not enrolled", "error", err)
		c.refuse(PromptEnrol, func() *Problem {
			return &Problem{Code: "enrolment-damaged", Title: lang.T("This device cannot be enrolled there"),
				Detail: lang.T("The certificate that the controller sent cannot be used."), Fix: lang.T("Ask your administrator.")}
		})
		return
	}
	if c.mistaken(e) {
		c.refuse(PromptEnrol, func() *Problem {
			return &Problem{Code: "enrolment-device", Title: lang.T("This device cannot be enrolled there"),
				Detail: lang.T("The controller calls it as another one does already."), Fix: lang.T("Ask your administrator.")}
		})
		return
	}
	if err := c.add(e, id); err != nil {
		c.o.Log.Error("save enrolment", "error", err)
		c.launch = unsavedWords(err)
	}
}

func (c *core) doSignIn(cmd SignIn) error {
	if c.identity.Key == nil || c.cookie != "" {
		return says("there is nothing to sign in to now")
	}
	if !c.asksFor(cmd.Device) {
		return errNotAsked
	}
	if c.busy != "" {
		return errBusy
	}
	if c.hello == nil {
		c.link.retry()
		return says("the controller is not reached yet; try again when it is")
	}
	end := c.begin(PromptSignIn)
	c.dismissed = ""
	client, done := c.link.call()
	o, enrolled, id, where := c.o, c.enrolled, c.identity, c.enrolled.Controller
	r := wire.SignInRequest{User: c.enrolled.User, Password: string(cmd.Password), Code: string(cmd.Code)}
	c.run(func(ctx context.Context) func(*core) {
		defer done()
		r.Device = o.Device(ctx)
		cookie, err := client.SignIn(ctx, r)
		var p *wire.Problem
		var hello *wire.Hello
		if errors.As(err, &p) && p.Code == wire.CodeSignIn {
			// What is asked may have changed since the dialog was opened.
			if h, err := client.Hello(ctx); err == nil {
				hello = &h
			}
		}
		return func(c *core) {
			if !end(c) || c.identity.Device != id.Device || c.cookie != "" { // another enrolment has taken its place
				if err == nil {
					last := c.last
					c.run(func(context.Context) func(*core) {
						signOut(last, o.Controller, enrolled, held{id, cookie}, o.Log.Warn)
						return nil
					})
				}
				return
			}
			if p != nil && p.Code == wire.CodeDevice {
				c.signedOut(p)
				return
			}
			if err != nil {
				if hello != nil {
					c.hello = hello
				}
				c.o.Log.Warn("not signed in", "error", err)
				c.refuse(PromptSignIn, func() *Problem { return explain(err, where) })
				return
			}
			c.ended, c.cookie, c.control = nil, cookie, controlFact{}
			c.device.claims = r.Device
			c.sentDevice(r.Device)
			c.keep(c.enrolled.item(ItemCookie), []byte(cookie))
		}
	})
	return nil
}

// asksFor says whether a prompt of the enrolment of that device is one of now.
func (c *core) asksFor(d wire.DeviceID) bool { return d == "" || d == c.enrolled.Device }

func (c *core) doSignOut() error {
	if c.cookie == "" {
		return nil
	}
	client, done := c.link.call()
	cookie, log := c.cookie, c.o.Log
	c.signedOut(nil)
	c.dismissed = signInPromptID // the user has just said no
	c.run(func(ctx context.Context) func(*core) {
		defer done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOutTime)
		defer cancel()
		if err := client.SignOut(ctx, cookie); err != nil {
			log.Warn("sign out at the controller", "error", err)
		}
		return nil
	})
	return nil
}

func (c *core) doAnswer(cmd Answer) error {
	p := c.state.Prompt
	if p == nil || p.Kind != PromptInteraction || p.ID != cmd.Prompt || !c.asksFor(cmd.Device) {
		return errNotAsked
	}
	if c.busy != "" {
		return errBusy
	}
	r, err := answers(p, cmd)
	if err != nil {
		return err
	}
	end := c.begin(PromptInteraction)
	c.dismissed = ""
	client, cookie, where := c.link.client, c.cookie, c.enrolled.Controller
	id, apps := p.ID, p.Apps
	var given []wire.InteractionKind
	for _, a := range r.Answers {
		given = append(given, a.Kind)
	}
	c.run(func(ctx context.Context) func(*core) {
		err := client.Answer(ctx, cookie, r)
		return func(c *core) {
			if !end(c) || c.cookie != cookie {
				return
			}
			if err != nil {
				c.o.Log.Warn("not answered", "error", err)
				c.refuse(PromptInteraction, func() *Problem { return explain(err, where) })
				return
			}
			c.answered, c.answerEnd = id, c.now().Add(answerTime)
			c.notes = append(c.notes, Event{Kind: "answered", App: apps[0], Text: lang.T("Identity confirmed")})
			for _, a := range apps {
				if c.waited[a] {
					continue // its flow is held: the verdict will tell
				}
				c.unask(a)
			}
			c.answeredDue(given)
			c.curedBy(apps)
		}
	})
	return nil
}

// answers are what cmd says to all that p asks: each of its interactions, and
// the chosen one.
func answers(p *Prompt, cmd Answer) (wire.AnswerRequest, error) {
	value := func(k wire.InteractionKind) string {
		switch k {
		case wire.InteractionMFA:
			return string(cmd.MFA)
		case wire.InteractionPassword:
			return string(cmd.Password)
		case wire.InteractionReason:
			return cmd.Reason
		case wire.InteractionMessage:
			return "acknowledged"
		}
		return ""
	}
	var r wire.AnswerRequest
	for _, i := range p.Interactions {
		r.Answers = append(r.Answers, wire.Answer{Kind: i.Kind, Value: value(i.Kind)})
	}
	if len(p.Choice) == 0 {
		return r, nil
	}
	for _, i := range p.Choice {
		if i.Kind == cmd.Choice || cmd.Choice == "" && i.Kind != wire.InteractionMessage && value(i.Kind) != "" {
			r.Answers = append(r.Answers, wire.Answer{Kind: i.Kind, Value: value(i.Kind)})
			return r, nil
		}
	}
	return r, says("choose which of what is asked you answer")
}

// curedBy notes that a denial which stands from before the answer says nothing
// any more, where no gateway is there to judge anew until the next use.
func (c *core) curedBy(apps []wire.AppID) {
	for _, a := range c.catalog {
		for _, id := range apps {
			if a.ID == id && c.plane.Sites[a.Site].State != Connected {
				c.cured[a.Entitlement] = true
			}
		}
	}
}

// answerTime is how long an answered prompt stays away while its effect comes
// back from the gateway; if none has come then, it is asked again.
const answerTime = 10 * time.Second

func (c *core) doShowPrompt(cmd ShowPrompt) error {
	c.window = WindowRequest{Seq: c.window.Seq + 1}
	if cmd.App == "" {
		c.dismissed = ""
		if p := c.state.Prompt; p != nil {
			for _, id := range p.Apps {
				delete(c.putOff, id)
				if p.Missed {
					c.ask(id)
				}
			}
		}
		return nil
	}
	a := c.app(cmd.App)
	if a == nil {
		return says("there is no application %q; `tidegate apps` lists them", cmd.App)
	}
	if len(a.Cure) == 0 {
		return says("%s asks nothing of you now", a.Name)
	}
	c.bringUp(cmd.App)
	return nil
}

func (c *core) doOpen(cmd OpenApp) error {
	a := c.app(cmd.App)
	switch {
	case a == nil:
		return says("there is no application %q; `tidegate apps` lists them", cmd.App)
	case a.State == AppBlocked:
		return says("%s is blocked: %s", a.Name, a.Why.Sentence())
	case a.OpenWith == "":
		return says("%s is not ready yet; try again in a moment", a.Name)
	}
	delete(c.putOff, a.ID)
	if a.State == AppNeedsYou && len(a.Cure) > 0 {
		c.bringUp(a.ID)
	}
	if a.Open != OpenBrowser {
		return nil
	}
	if c.o.Launch == nil {
		return says("this program cannot start a browser; open %s yourself", a.OpenWith)
	}
	c.opened = opened{}
	if c.plane.named(a.Host) {
		c.opened = opened{a.ID, c.now()}
		delete(c.acknowledged, codeUnasked)
	}
	launch, url, now := c.o.Launch, a.OpenWith, c.opened
	c.run(func(context.Context) func(*core) {
		err := launch(url)
		return func(c *core) {
			c.launch = nil
			if err != nil {
				if c.opened == now {
					c.opened = opened{} // who did not start looks nothing up
				}
				c.launch = func() *Problem {
					return &Problem{Code: "browser", Title: lang.T("The browser did not start"), Detail: sentence(err), Fix: lang.F("Open %s in your browser yourself.", url), Action: "retry"}
				}
			}
		}
	})
	return nil
}

func (c *core) app(id wire.AppID) *App {
	for i := range c.state.Apps {
		if c.state.Apps[i].ID == id {
			return &c.state.Apps[i]
		}
	}
	return nil
}

// acknowledge puts away a problem that allows it, and no other: a warning of
// this moment must not silence one of another.
func (c *core) acknowledge(code string) {
	for _, p := range c.state.Problems {
		if p.Code == code && p.Action == "acknowledge" {
			c.acknowledged[code] = true
		}
	}
}

// refuse says why an answer did not count.
func (c *core) refuse(k PromptKind, why telling) {
	c.refusedAt, c.refused = k, func() *Problem {
		p := why()
		p.Until = c.ours(p.Until) // each time: a clock may be set right meanwhile
		return p
	}
}

var errNotAsked = saying("this is no longer asked")

var errBusy = saying("one moment: the last answer is still being checked")
