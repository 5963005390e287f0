package sim

import "strings"

// department is a top-level category with what its products are made from.
type department struct {
	name      string
	title     string   // how a title is put together from {brand}, {material} and {noun}
	brands    []string // invented
	materials []string
	tint      string // background of its pictures
	shelves   []shelf
}

// shelf is a category of the second level.
type shelf struct {
	name       string
	icon       string
	nouns      []string
	low, high  float64 // the span of prices
	peak       int     // the month it sells best in, 1–12; 0 all year
	consumable bool    // used up, and bought again
}

func words(list string) []string { return strings.Split(list, "|") }

// departments returns the shop's plan. Order matters: it is part of what a
// seed means.
func departments() []department {
	const plain = "{brand} {material} {noun}"
	return []department{
		{"Kitchen", plain, words("Hearthby|Copperlane|Tavolo Nord|Millgrain|Oakspoon"), words("Cast-Iron|Copper|Beechwood|Steel|Stoneware"), "fbeee0", []shelf{
			{"Knives", "knife", words("Chef's Knife|Bread Knife|Paring Knife|Santoku|Carving Set"), 18, 160, 0, false},
			{"Pots & Pans", "pan", words("Frying Pan|Saucepan|Casserole|Griddle|Wok"), 24, 190, 0, false},
			{"Bakeware", "bowl", words("Loaf Tin|Pie Dish|Mixing Bowl|Cake Ring|Rolling Pin"), 9, 55, 12, false},
			{"Tableware", "mug", words("Mug|Dinner Plate|Soup Bowl|Jug|Espresso Cup"), 7, 48, 0, false},
			{"Storage", "jar", words("Pantry Jar|Bread Bin|Butter Dish|Spice Rack|Lunch Box"), 8, 60, 0, false},
		}},
		{"Pantry", plain, words("Ambergrove|Slow Field|Juniper & Rye|Saltmarsh|Little Orchard"), words("Organic|Small-Batch|Wild|Roasted|Single-Estate"), "f3f0d7", []shelf{
			{"Coffee", "bag", words("Espresso Beans|Filter Coffee|Decaf Beans|Cold Brew Grounds"), 8, 24, 0, true},
			{"Tea", "box", words("Breakfast Tea|Green Tea|Rooibos|Mint Infusion|Oolong"), 4, 19, 11, true},
			{"Preserves", "jar", words("Apricot Jam|Plum Chutney|Heather Honey|Marmalade"), 4, 14, 0, true},
			{"Chocolate", "box", words("Dark Chocolate|Hazelnut Bar|Truffles|Cocoa Powder"), 3, 28, 12, true},
			{"Oils & Spices", "bottle", words("Olive Oil|Smoked Paprika|Chilli Oil|Sea Salt|Pepper Blend"), 4, 32, 0, true},
		}},
		{"Home", plain, words("Linden House|Fjordwell|Quiet Room|Marlow & Fern|Nordlys"), words("Linen|Wool|Walnut|Brass|Rattan"), "ece9f6", []shelf{
			{"Lighting", "lamp", words("Desk Lamp|Floor Lamp|Pendant|Lantern|Bedside Light"), 22, 210, 11, false},
			{"Textiles", "cushion", words("Cushion|Throw|Blanket|Table Runner|Rug"), 15, 180, 10, false},
			{"Decor", "vase", words("Vase|Mirror|Photo Frame|Candle Holder|Tray"), 9, 95, 0, false},
			{"Clocks", "clock", words("Wall Clock|Alarm Clock|Mantel Clock"), 19, 120, 0, false},
			{"Candles", "candle", words("Scented Candle|Pillar Candle|Tea Lights"), 5, 38, 12, true},
		}},
		{"Outdoor", plain, words("Ridgeline Co.|Tarn & Fell|Northpath|Kestrel Peak|Campwright"), words("Alpine|Ripstop|Merino|Titanium|All-Weather"), "e2f0e6", []shelf{
			{"Tents", "tent", words("Two-Person Tent|Trekking Tent|Tarp|Family Tent"), 70, 420, 6, false},
			{"Footwear", "boot", words("Hiking Boots|Trail Shoes|Camp Sandals|Gaiters"), 35, 220, 5, false},
			{"Packs", "pack", words("Day Pack|Trekking Pack|Dry Bag|Hip Pack"), 25, 190, 5, false},
			{"Sleeping", "cushion", words("Sleeping Bag|Sleeping Mat|Camp Pillow|Hammock"), 20, 260, 6, false},
			{"Bottles & Stoves", "bottle", words("Flask|Camp Stove|Water Bottle|Mess Kit"), 12, 95, 7, false},
		}},
		{"Garden", plain, words("Greenlatch|Potting Shed|Thistle & Spade|Bramble Row"), words("Terracotta|Ash-Handled|Galvanised|Heritage|Cedar"), "e6f3d8", []shelf{
			{"Tools", "spade", words("Trowel|Hand Fork|Spade|Secateurs|Hoe"), 9, 70, 4, false},
			{"Pots", "pot", words("Planter|Window Box|Herb Pot|Hanging Basket"), 6, 80, 5, false},
			{"Seeds", "leaf", words("Wildflower Seeds|Tomato Seeds|Herb Seeds|Salad Seeds|Sunflower Seeds"), 2, 9, 3, true},
			{"Watering", "can", words("Watering Can|Hose Reel|Plant Mister|Rain Gauge"), 8, 65, 6, false},
		}},
		{"Books", "The {material} {noun}", words("Lantern Press|Third Shelf|Harbour Books|Inkwell Editions|Paper Moon"), words("Salt|Silent|Last|Hidden|Copper|Winter|Crooked|Borrowed|Glass|Distant"), "e3edf7", []shelf{
			{"Novels", "book", words("Road|Orchard|Lighthouse|Letters|Inheritance|Tide"), 8, 26, 0, false},
			{"Mysteries", "book", words("Witness|Alibi|Key|Staircase|Cipher|Guest"), 7, 22, 11, false},
			{"Cookery", "book", words("Table|Kitchen|Pantry|Harvest|Loaf"), 14, 42, 12, false},
			{"Travel", "book", words("Mountain|Crossing|Island|Compass|River"), 10, 34, 6, false},
			{"Science", "book", words("Atom|Forest Mind|Equation|Ocean Floor|Orbit"), 12, 39, 0, false},
		}},
		{"Play", plain, words("Tumblewood|Puddle & Co.|Brightkite|Foxglove Toys"), words("Wooden|Travel|Classic|Giant|Rainbow"), "fdeaec", []shelf{
			{"Board Games", "dice", words("Strategy Game|Word Game|Card Game|Memory Game|Dice Set"), 9, 62, 12, false},
			{"Puzzles", "puzzle", words("500-Piece Puzzle|Puzzle Box|Brain Teaser|Map Puzzle"), 8, 45, 11, false},
			{"Building", "blocks", words("Block Set|Marble Run|Train Set|Castle Kit"), 14, 110, 12, false},
			{"Outdoor Play", "ball", words("Kite|Skittles|Football|Skipping Rope|Flying Disc"), 6, 48, 6, false},
		}},
		{"Wellbeing", plain, words("Still Water|Birchbark|Morning Ritual|Clementine & Co."), words("Lavender|Cedar|Oat & Honey|Charcoal|Sea Mineral"), "e0f2f1", []shelf{
			{"Soap", "soap", words("Soap Bar|Hand Wash|Shaving Soap|Body Scrub"), 4, 22, 0, true},
			{"Bath", "bottle", words("Bath Salts|Bath Oil|Shampoo|Shower Gel"), 5, 34, 1, true},
			{"Yoga", "mat", words("Yoga Mat|Yoga Block|Meditation Cushion|Massage Roller"), 12, 98, 1, false},
			{"Skin", "jar", words("Face Cream|Hand Balm|Lip Balm|Body Lotion"), 5, 56, 2, true},
		}},
	}
}

// colours returns the names of colours and how pictures show them.
func colours() [][2]string {
	return [][2]string{
		{"brick", "b5533c"},
		{"forest", "3f7d58"},
		{"navy", "2f4b7c"},
		{"mustard", "c99a2e"},
		{"plum", "7a4a78"},
		{"slate", "56616f"},
		{"rose", "c9667a"},
		{"teal", "2a8a8c"},
		{"walnut", "7b573c"},
		{"sky", "4d8fc4"},
	}
}

// outlines returns the icons as SVG paths in a square of 80.
func outlines() map[string]string {
	return map[string]string{
		"knife":   "M14 52 56 18q8 12-6 24L28 56zM26 58l-9 9-6-6 9-8z",
		"pan":     "M10 36h42q0 24-21 24T10 36zM54 38h18v6H53z",
		"bowl":    "M12 34h56q-2 26-22 28H34Q14 60 12 34z",
		"mug":     "M18 24h34v34q0 6-6 6H24q-6 0-6-6zM54 30q14 0 12 14-2 10-12 10v-6q6 0 6-9t-6-3z",
		"jar":     "M26 14h28v8H26zM24 26h32q6 4 6 12v20q0 8-8 8H26q-8 0-8-8V38q0-8 6-12z",
		"bag":     "M24 14h32l-3 10q9 16 7 42H20q-2-26 7-42z",
		"box":     "M14 28 40 16l26 12-26 12zM14 33l24 11v24L14 56zM66 33 42 44v24l24-12z",
		"bottle":  "M34 10h12v14q10 6 10 16v26q0 4-4 4H28q-4 0-4-4V40q0-10 10-16z",
		"lamp":    "M28 14h24l12 26H16zM37 42h6v20h11v6H26v-6h11z",
		"cushion": "M16 18q24 6 48 0-6 22 0 44-24-6-48 0 6-22 0-44z",
		"vase":    "M32 12h16v10q-2 6 8 16 8 14-6 28H30q-14-14-6-28 10-10 8-16z",
		"clock":   "M40 12a28 28 0 1 0 .1 0zM37 22h6v17l12 7-3 5-15-9z",
		"candle":  "M40 8q10 12 0 18-10-6 0-18zM28 30h24v38H28z",
		"tent":    "M40 14 72 64H50L40 42 30 64H8z",
		"boot":    "M24 14h20v26l20 8q6 4 6 12H24zM24 63h46v6H24z",
		"pack":    "M32 10h16v6h-4v-2h-8v2h-4zM26 18h28q8 4 8 14v30q0 6-6 6H24q-6 0-6-6V32q0-10 8-14zM26 42v12h28V42z",
		"spade":   "M30 8h20v6h-7v22h11v18q-4 12-14 16-10-4-14-16V36h11V14h-7z",
		"pot":     "M16 24h48v10h-4l-6 34H26l-6-34h-4z",
		"leaf":    "M14 62Q10 18 66 14q2 54-42 46l-6 8z",
		"can":     "M28 30h28v34H28zM26 46 12 30l4-4 10 10zM32 26q10-18 20 0h-5q-5-8-10 0zM58 34q14 4 0 22v-6q6-7 0-11z",
		"book":    "M20 12h40v48H26q-4 0-4 3t4 3h34v4H24q-8 0-8-8V16q0-4 4-4z",
		"dice":    "M20 14h40q6 0 6 6v40q0 6-6 6H20q-6 0-6-6V20q0-6 6-6zM24 24v8h8v-8zM36 36v8h8v-8zM48 48v8h8v-8z",
		"puzzle":  "M14 24h18q-4-12 7-12t7 12h18v16q-12-4-12 6t12 6v14H14z",
		"blocks":  "M26 12h28v26H26zM10 42h28v26H10zM42 42h28v26H42z",
		"ball":    "M40 12a28 28 0 1 0 .1 0zM40 26l13 10-5 15H32l-5-15z",
		"soap":    "M22 28h36q12 0 12 12v8q0 12-12 12H22q-12 0-12-12v-8q0-12 12-12zM24 38v4h32v-4z",
		"mat":     "M22 20h36q12 0 12 12v28H32V32q0-6-5-6t-5 6 6 5v6q-12 0-12-11 0-12 6-12z",
	}
}
