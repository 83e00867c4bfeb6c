package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// The directory of the files.
type reality string

// What stands in a file.
type thing struct {
	Content string            `json:"content"`
	Tags    map[string]string `json:"tags,omitempty"`
	Secret  string            `json:"secret,omitempty"`
}

var name = regexp.MustCompile(`^[a-z0-9-]+$`)

func (r reality) file(name string) string { return filepath.Join(string(r), name+".json") }

// Nil where there is no such file.
func (r reality) read(name string) (*thing, error) {
	text, err := os.ReadFile(r.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found thing
	return &found, json.Unmarshal(text, &found)
}

func (r reality) write(name string, what thing) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	aside := r.file("." + name)
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		return err
	}
	return os.Rename(aside, r.file(name))
}

func (r reality) remove(name string) error {
	err := os.Remove(r.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
