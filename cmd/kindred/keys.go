package main

import (
	"context"
	"errors"
	"strings"
)

type keysCmd struct {
	List   keysListCmd   `cmd:"" default:"1" help:"List the keys (never their secrets)."`
	Create keysCreateCmd `cmd:"" help:"Create a key; its secret is shown this once."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke a key."`
}

type (
	keysListCmd   struct{}
	keysCreateCmd struct {
		Name  string   `arg:"" help:"What it is for: shop-backend."`
		Scope []string `help:"What it may do: read (recommendations), write (events, items, users), admin (all)." enum:"read,write,admin" default:"read"`
	}
	keysRevokeCmd struct {
		Name string `arg:"" help:"The key's name."`
	}
)

func (keysListCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	keys, err := e.Store.Keys(ctx)
	if err != nil {
		return err
	}
	type row struct {
		Name    string   `json:"name"`
		Scopes  []string `json:"scopes"`
		Created string   `json:"created_at"`
		Revoked bool     `json:"revoked"`
	}
	list := []row{}
	for _, k := range keys {
		list = append(list, row{k.Name, k.Scopes, k.CreatedAt.UTC().Format("2006-01-02T15:04:05Z"), k.Revoked})
	}
	return out.result(list, func() {
		var rows [][]string
		for _, k := range list {
			state := "valid"
			if k.Revoked {
				state = "revoked"
			}
			rows = append(rows, []string{k.Name, strings.Join(k.Scopes, ","), k.Created, state})
		}
		out.table([]string{"NAME", "SCOPES", "CREATED", "STATE"}, rows)
	})
}

func (c *keysCreateCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	secret, err := e.CreateKey(ctx, c.Name, c.Scope)
	if err != nil {
		return err
	}
	return out.result(map[string]any{"name": c.Name, "scopes": c.Scope, "key": secret}, func() {
		out.printf("%s\n", secret)
		out.notef("Keep it now: only its hash is stored.\n")
	})
}

func (c *keysRevokeCmd) Run(ctx context.Context, g *cli, out *output) (err error) {
	e, err := openEngine(ctx, g, out)
	if err != nil {
		return err
	}
	defer closeEngine(e, &err)
	return errors.Join(e.Store.RevokeKey(ctx, c.Name),
		out.result(map[string]any{"revoked": c.Name}, func() { out.printf("revoked %s\n", c.Name) }))
}
