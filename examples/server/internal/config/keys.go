package config

import "go.yaml.in/yaml/v3"

// keys are those of a mapping that were seen. Most mappings have a few, of which a map would cost more than it saves: there are
// two mappings in each rule.
type keys struct {
	few  []*yaml.Node
	many map[string]*yaml.Node
}

// add adds a key, unless there is one of that text already, which it returns.
func (k *keys) add(key *yaml.Node) (first *yaml.Node) {
	if k.many != nil {
		if first = k.many[key.Value]; first == nil {
			k.many[key.Value] = key
		}
		return first
	}
	for _, each := range k.few {
		if each.Value == key.Value {
			return each
		}
	}
	if len(k.few) < cap(k.few) {
		k.few = append(k.few, key)
		return nil
	}
	k.many = make(map[string]*yaml.Node)
	for _, each := range k.few {
		k.many[each.Value] = each
	}
	k.many[key.Value] = key
	return nil
}
