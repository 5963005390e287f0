package kindred

import "time"

// MaxAliases bounds the further IDs of one user.
const MaxAliases = 1000

// Alias is a further ID of a user: of a visitor, say, who turned out to be
// somebody known. What is done under an alias counts for the user.
type Alias struct {
	ID   UserID `json:"id"`
	User UserID `json:"user"` // whose it is; never itself an alias
	Into UserID `json:"into"` // the ID it was merged into: User, or another alias

	Time time.Time `json:"time"` // of the merge
	By   string    `json:"by"`   // who merged
	Why  string    `json:"why"`
}

// Person is a user with every ID they go by.
type Person struct {
	ID      UserID  `json:"id"`
	Aliases []Alias `json:"aliases"`
}

// IDs returns every ID of the person, that of the user first.
func (p *Person) IDs() []UserID {
	ids := make([]UserID, 1, 1+len(p.Aliases))
	ids[0] = p.ID
	for i := range p.Aliases {
		ids = append(ids, p.Aliases[i].ID)
	}
	return ids
}

// Merge is an entry of the log of merges.
type Merge struct {
	Seq    int64     `json:"seq"` // its place in the log, from 1
	Time   time.Time `json:"time"`
	User   UserID    `json:"user"` // that From was merged into, or taken from
	From   UserID    `json:"from"`
	Undone bool      `json:"undone"` // From was taken from User again
	By     string    `json:"by"`
	Why    string    `json:"why"`
}
