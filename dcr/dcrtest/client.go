package dcrtest

import (
	"context"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// Client is a registered client, as the bank has described it. It is safe for concurrent use.
type Client struct {
	*tpp.ClientInformation
	tpp *TPP
}

// Token asks the bank for an access token of the client.
func (c *Client) Token(mutations ...Mutation) (tpp.BearerToken, error) {
	by := c.Credentials()
	d := newDraft(mutations)
	d.again = c.tpp.assertion(by)
	var token tpp.BearerToken
	err := c.tpp.call("token", d, func(ctx context.Context, client *tpp.Client) (err error) {
		token, err = client.AccessToken(ctx, by)
		return err
	})
	return token, err
}

// Get reads the client. It asks for an access token first.
func (c *Client) Get(mutations ...Mutation) (read *tpp.ClientInformation, err error) {
	err = c.manage("get", newDraft(mutations), func(ctx context.Context, client *tpp.Client, token tpp.BearerToken) (err error) {
		read, err = client.Get(ctx, c.ClientID, token)
		return err
	})
	return read, err
}

// Update replaces what is registered by a request with the mutations. It asks for an access
// token first.
func (c *Client) Update(mutations ...Mutation) (now *tpp.ClientInformation, err error) {
	d := newDraft(mutations)
	request, err := c.tpp.request(d, c.ClientID)
	if err != nil {
		return nil, err
	}
	err = c.manage("update", d, func(ctx context.Context, client *tpp.Client, token tpp.BearerToken) (err error) {
		now, err = client.Update(ctx, c.ClientID, request, token)
		return err
	})
	return now, err
}

// Delete removes the client. It asks for an access token first.
func (c *Client) Delete(mutations ...Mutation) error {
	return c.manage("delete", newDraft(mutations), func(ctx context.Context, client *tpp.Client, token tpp.BearerToken) error {
		return client.Delete(ctx, c.ClientID, token)
	})
}

func (c *Client) manage(verb string, d *draft, do func(context.Context, *tpp.Client, tpp.BearerToken) error) error {
	token, err := c.Token()
	if err != nil {
		return err
	}
	return c.tpp.call(verb, d, func(ctx context.Context, client *tpp.Client) error { return do(ctx, client, token) })
}
